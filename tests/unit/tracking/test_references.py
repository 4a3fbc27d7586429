"""References in MLflow: a run each, written once."""

import dataclasses

import pytest

from gear.errors import StorageError
from tests.support.mlflow_story import RUN, record, runs, story
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import MlflowClient
from tracking.references import ReferenceRun, record_reference_runs
from tracking.report.reading import read_campaigns

FACTS = {"split_hash": "s", "data_hash": "d", "unit": "K", "labels": "60"}
SVR = ReferenceRun("svr", "hv_from_ds.random SVR", "hv_from_ds", "random", FACTS, {"test_rmse": 0.4, "test_r2": 0.9})
MEAN = dataclasses.replace(SVR, name="mean", title="hv_from_ds.random mean", metrics={"test_rmse": 1.0})


@pytest.fixture
def recorded(uri):
    record(uri, *story())
    return uri


def test_each_is_a_run_of_its_own_beside_the_studies(recorded, client):
    record_reference_runs(recorded, CampaignIdentity("quick-1"), [SVR, MEAN])
    found = runs(client)
    assert {name for name in found if name.startswith("hv_from_ds.random ")} == {SVR.title, MEAN.title}
    run = found[SVR.title]
    assert run.info.status == "FINISHED"
    assert run.data.metrics == SVR.metrics
    tags = {"kind": "reference", "reference": "svr", "pair": "hv_from_ds", "split": "random", "campaign": "quick-1"}
    assert {name: run.data.tags[f"gear.{name}"] for name in (*tags, "labels")} == {**tags, "labels": "60"}


def test_recorded_again_it_stays_one_run_and_changes_only_if_its_numbers_do(recorded, client):
    record_reference_runs(recorded, CampaignIdentity("quick-1"), [SVR])
    before = runs(client)[SVR.title]
    record_reference_runs(recorded, CampaignIdentity("quick-1"), [SVR])
    assert runs(client)[SVR.title].info.end_time == before.info.end_time
    record_reference_runs(recorded, CampaignIdentity("quick-1"), [dataclasses.replace(SVR, metrics={"test_rmse": 0.3})])
    assert runs(client)[SVR.title].data.metrics["test_rmse"] == 0.3


def test_one_that_was_interrupted_is_completed_and_till_then_not_shown(recorded, client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_terminated", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(StorageError, match="killed"):
            record_reference_runs(recorded, CampaignIdentity("quick-1"), [SVR])
    assert read_campaigns(client, ["quick-1"])[0].references == ()
    record_reference_runs(recorded, CampaignIdentity("quick-1"), [SVR])
    (found,) = read_campaigns(client, ["quick-1"])[0].references
    assert (found.name, found.test_rmse, found.labels, found.judged_on) == ("svr", 0.4, 60, ("s", "d"))


def test_a_campaign_that_is_not_recorded_is_one_line(recorded):
    for campaign, created in (("quick-2", ""), ("quick-1", "tuesday")):
        with pytest.raises(StorageError, match=f"campaign {campaign} is not recorded in MLflow"):
            record_reference_runs(recorded, CampaignIdentity(campaign, created=created), [SVR])


def test_studies_are_recorded_and_resumed_beside_them(recorded, client):
    record_reference_runs(recorded, CampaignIdentity("quick-1"), [SVR])
    record(recorded, history=story())
    assert set(runs(client)) == {SVR.title, RUN, *(f"{RUN} #{n}" for n in range(3))}
