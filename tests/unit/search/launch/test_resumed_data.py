"""What campaign.json says of the data, held against the data that are there now."""

import pytest

from gear.errors import GearError
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


def test_a_fact_that_an_earlier_version_did_not_record_is_added(folder):
    with resume_store(folder, PLAN, NOW, read_campaign(folder)) as store:
        assert store.head["data"] == NOW
    assert read_campaign(folder)["data"] == NOW


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
