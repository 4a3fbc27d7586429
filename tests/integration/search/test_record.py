"""MLflow's record of a campaign, rebuilt from the campaign folder."""

import shutil
from pathlib import Path

import pytest

from search.campaign.campaign import Campaign
from search.campaign.events import StudyFinished
from search.cli import record
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.results.mlflow_records import MlflowRecords, history
from search.storage.campaign_store import CampaignStore, read_campaign
from search.storage.local import LocalPath
from search.storage.relocation import relocated
from search.storage.snapshot import take_snapshot
from tests.support.fake_training import Simulation, small_plan
from tests.support.mlflow_story import everything, runs
from tests.support.tiny_export import make_export
from tracking.client import open_client
from tracking.evidence_file import read_evidence
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder

PLAN = small_plan("quick-1", methods=("gear", "stl"))
DATA = {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}}
HEAD = {"id": "0123456789abcdef", "plan": plan_to_dict(PLAN), "data": DATA, "created": "monday"}
FORMAT4 = Path(__file__).parents[2] / "campaigns" / "format4"
SCORES = {"rmse": 0.6, "mae": 0.4, "rmse_units": 12.0}
MODEL = "gear.hv_from_ds.random"


@pytest.fixture
def call(tmp_path, uri, monkeypatch, capsys):
    """Run the command on the campaign; gives exit code, stdout, stderr."""

    def command(*flags):
        where = ["--storage", str(tmp_path / "campaigns"), "--tracking-uri", uri]
        monkeypatch.setattr("sys.argv", ["search.cli.record", *flags, *where])
        return record.main(), *capsys.readouterr()

    return command


@pytest.fixture
def folder(tmp_path):
    return LocalPath(tmp_path / "campaigns" / "quick-1")


def drive(folder, uri, steps=None):
    """A campaign that was recorded while it ran; `steps` cut it short."""
    simulation = Simulation(PLAN)
    simulation.run()
    with CampaignStore.create(folder, HEAD, plan_to_toml(PLAN)) as store:
        campaign = Campaign(PLAN, store.append)
        with Recorder(uri, CampaignIdentity.of(PLAN.name, HEAD)) as recorder:
            recorder.start(lambda: history(PLAN, DATA, folder))
            campaign.listeners.append(MlflowRecords(recorder, PLAN, DATA))
            for step in simulation.steps[:steps]:
                campaign._record(*step)
    return campaign


def finish(folder, campaign, scratch, methods):
    """Evaluate and export the winners of some methods."""
    with CampaignStore.resume(folder) as store:
        for method in methods:
            study = campaign.studies[f"hv_from_ds.random.{method}"]
            won = (study.best.number, study.best.value)
            store.append(StudyFinished(study.name, *won, 1, SCORES, "s", "d"))
            (scratch / method).mkdir()
            with store.export(study.name) as export:
                make_export(scratch / method, export)


def lose(tmp_path, template):
    """The database and all that lay beside it."""
    shutil.rmtree(tmp_path / "mlartifacts")
    shutil.copy(template, tmp_path / "mlflow.db")


@pytest.mark.parametrize("steps", [None, 1, 20])
def test_a_lost_database_is_rebuilt_as_it_was_and_again_changes_nothing(steps, call, folder, uri, template, tmp_path):
    drive(folder, uri, steps)
    before = everything(open_client(uri))
    lose(tmp_path, template)
    assert open_client(uri).get_experiment_by_name("quick-1") is None
    code, out, _ = call("quick-1")
    assert (code, "campaign quick-1 is recorded" in out) == (0, True)
    assert everything(open_client(uri)) == before
    rebuilt = {name: run.info.end_time for name, run in runs(open_client(uri)).items()}
    assert call("quick-1")[0] == 0
    assert everything(open_client(uri)) == before
    assert {name: run.info.end_time for name, run in runs(open_client(uri)).items()} == rebuilt


def test_winners_are_registered_with_single_task_learning_as_their_evidence(call, folder, uri, tmp_path):
    campaign = drive(folder, uri)
    finish(folder, campaign, tmp_path, ["gear", "stl"])
    for _ in range(2):
        assert call()[0] == 0
        client = open_client(uri)
        versions = {v.tags["method"]: v for v in client.search_model_versions(f"name = '{MODEL}'")}
        known = {method: read_evidence(version) for method, version in versions.items()}
        assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2
    gear = known["gear"]
    best = campaign.studies["hv_from_ds.random.gear"].best
    assert float(gear["validation_rmse"]) == best.value
    assert (gear["test_mae"], gear["stl_test_rmse"], gear["seed"]) == (
        "0.4",
        "0.6",
        str(best.config["seed"]),
    )
    assert "stl_test_rmse" not in known["stl"]
    assert runs(client)[f"gear random hv_from_ds #{best.number}"].info.run_id == versions["gear"].run_id


def test_an_evaluated_winner_without_its_export_is_recorded_and_not_registered(call, folder, uri, tmp_path):
    campaign = drive(folder, uri)
    finish(folder, campaign, tmp_path, ["gear"])
    (folder / "exports").remove()
    assert call()[0] == 0
    client = open_client(uri)
    assert runs(client)["gear random hv_from_ds"].data.metrics["test_rmse"] == 0.6
    assert client.search_registered_models() == []


def test_a_campaign_that_is_driven_is_left_to_its_driver(call, folder, uri):
    drive(folder, uri, 1)
    with CampaignStore.resume(folder):
        code, _, err = call()
    assert (code, "which records it" in err, err.count("\n")) == (2, True, 1)


def copied(folder, to):
    shutil.copytree(folder.path, to)
    return LocalPath(to)


def test_a_copy_that_was_not_resumed_is_recorded_as_a_campaign_of_its_own(call, folder, uri):
    drive(folder, uri)
    before = everything(open_client(uri))
    other = copied(folder, folder.path.with_name("other"))
    code, out, _ = call("other")
    assert (code, f"{other} is a copy of {folder.resolved()}" in out) == (0, True)
    assert everything(open_client(uri)) == before
    again = everything(open_client(uri), "other")
    assert set(again) == set(before)
    assert call("other")[0] == 0
    assert everything(open_client(uri), "other") == again
    assert read_campaign(other)["id"] != read_campaign(folder)["id"]


def test_a_renamed_campaign_keeps_its_record_under_its_new_name(call, folder, uri):
    drive(folder, uri)
    before = everything(open_client(uri))
    folder.path.rename(folder.path.with_name("other"))
    assert call("other")[0] == 0
    assert open_client(uri).get_experiment_by_name("quick-1") is None
    assert set(everything(open_client(uri), "other")) == set(before)


def test_a_campaign_of_format_4_is_recorded_whether_or_not_it_was_resumed(call, folder, uri):
    folder.path.parent.mkdir()
    shutil.copytree(FORMAT4, folder.path)
    assert call()[0] == 0
    before = everything(open_client(uri))
    studies = take_snapshot(folder).campaign.studies.values()
    assert len(before) == len(studies) + sum(len(study.trials) for study in studies) + 1  # the blend
    with CampaignStore.resume(folder) as store:
        store.update(relocated(folder)[0], "")
    assert call()[0] == 0
    assert everything(open_client(uri)) == before


def test_what_cannot_be_rebuilt_is_one_line(call, tmp_path):
    code, _, err = call("quick-9")
    assert (code, err.count("\n")) == (2, 1)
    assert "no campaign in" in err
