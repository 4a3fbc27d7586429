"""What campaign.json says of the data, held against the data that are there now."""

import dataclasses

import pytest

from gear.errors import GearError
from search.launch import prepare
from search.launch.prepare import resume_store
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.campaign_store import CampaignStore, read_campaign
from search.storage.local import LocalPath
from tests.support.fake_training import small_plan

PLAN = small_plan("quick-1")
EARLIER = {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}}
NOW = {"hv_from_ds.random": {**EARLIER["hv_from_ds.random"], "labels": "700"}}


@pytest.fixture
def folder(tmp_path):
    head = {"plan": plan_to_dict(PLAN), "data": EARLIER, "created": "monday", "versions": {}}
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), head, plan_to_toml(PLAN)) as store:
        return store.folder


@pytest.fixture
def loaded(pair, monkeypatch):
    """Lists the pairs and splits that are read."""
    asked = []

    def load(spec, split, seed):
        asked.append((spec.id, split, seed))
        return dataclasses.replace(pair, id=spec.id, split=split)

    monkeypatch.setattr(prepare, "load_pair", load)
    return asked


def test_a_fact_that_an_earlier_version_did_not_record_is_added(folder, loaded):
    with resume_store(folder, PLAN, NOW, read_campaign(folder)) as store:
        assert store.head["data"] == NOW
    assert read_campaign(folder)["data"] == NOW


def test_a_split_that_a_killed_driver_did_not_write_is_written_once(folder, loaded):
    for _ in range(2):
        resume_store(folder, PLAN, NOW, read_campaign(folder)).__exit__()
    assert (folder / "splits/hv_from_ds.random.parquet").exists()
    assert loaded == [("hv_from_ds", "random", PLAN.search.split_seed)]


@pytest.mark.parametrize("changed", ["data_hash", "folds_hash"])
def test_data_that_have_changed_are_refused(changed, tmp_path):
    before = {"hv_from_ds.random": {**NOW["hv_from_ds.random"], "folds_hash": "f"}}
    head = {"plan": plan_to_dict(PLAN), "data": before, "created": "monday", "versions": {}}
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), head, plan_to_toml(PLAN)) as store:
        folder = store.folder
    other = {"hv_from_ds.random": {**before["hv_from_ds.random"], changed: "another"}}
    with pytest.raises(GearError, match=r"data of hv_from_ds\.random has changed"):
        resume_store(folder, PLAN, other, read_campaign(folder))
    assert read_campaign(folder)["data"] == before
