"""Artifacts are found beside the database, wherever both were moved or copied; what is not found is named."""

import dataclasses
import shutil
import sqlite3
from contextlib import closing

import mlflow
import pandas as pd
import pytest
from mlflow.tracking._tracking_service import utils

from gear.errors import StorageError
from tests.support.mlflow_story import RUN, check_whole, record, runs, story
from tests.support.tiny_export import make_export
from tracking.artifact_places import PLACES, bring_up_to_date
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.registry import Winner, champion_export, register_winner, rivals
from tracking.report.reading import read_campaigns
from tracking.runs import PREDICTIONS, attach

STUDY, MODEL = "hv_from_ds.random.gear", "gear.hv_from_ds.random"
SCORES = {"validation_rmse": 0.5, "test_rmse": 0.6}
WINNER = Winner("hv_from_ds", "random", "gear", STUDY, "quick-1", 0, "s", SCORES)
PREDICTED = pd.DataFrame({"part": ["test"], "smiles": ["CCO"], "value": [1.0], "prediction": [2.0]})


@pytest.fixture
def project(template, tmp_path):
    """A project folder in which a campaign was recorded, registered and evaluated."""
    folder = tmp_path / "a project"
    folder.mkdir()
    shutil.copy(template, folder / "mlflow.db")
    tell(folder)
    return folder


def tell(folder, *more):
    """What `gear-search record` does, in a process of its own."""
    utils._artifact_repos_cache.clear()
    scratch = folder.parent / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    record(uri_of(folder), *more, history=story())
    make_export(scratch, scratch / "export")
    register_winner(uri_of(folder), scratch / "export", WINNER)
    PREDICTED.to_parquet(scratch / PREDICTIONS)
    attach(uri_of(folder), CampaignIdentity("quick-1"), STUDY, scratch / PREDICTIONS)


def uri_of(folder):
    return f"sqlite:///{folder / 'mlflow.db'}"


def places(folder):
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        found = [place for table, column in PLACES for (place,) in database.execute(f"SELECT {column} FROM {table}")]
    return [str(place) for place in found if "mlartifacts" in str(place)]


def files(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_moved_or_copied_project_is_read_and_written_where_it_lies(how, project, tmp_path):
    other = tmp_path / "else where/project"
    how(project, other)
    before = files(project)
    utils._artifact_repos_cache.clear()  # another process
    champion_export(uri_of(other), "hv_from_ds", "random", None, tmp_path / "taken")
    assert (tmp_path / "taken/config.json").exists()
    client = open_client(uri_of(other))
    said = []
    (campaign,) = read_campaigns(client, ["quick-1"], said.append)
    assert list(campaign.studies[0].predictions["test"].smiles) == ["CCO"]
    assert not [line for line in said if "not found" in line]
    assert mlflow.pyfunc.load_model(f"models:/{MODEL}@champion").predict(pd.DataFrame({"smiles": ["CCO"]})).shape == (
        1,
    )
    client.log_text(runs(client)[RUN].info.run_id, "x", "new.txt")
    tell(other)
    check_whole(client)
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 1
    assert len(list(other.rglob("new.txt"))) == 1
    assert {place.partition("/mlartifacts")[0] for place in places(other)} == {other.as_uri()}
    assert files(project) == before


def test_places_that_are_right_are_not_touched(project):
    before = places(project)
    assert len(before) > 5
    modified = (project / "mlflow.db").stat().st_mtime_ns
    bring_up_to_date(project / "mlflow.db")
    assert (places(project), (project / "mlflow.db").stat().st_mtime_ns) == (before, modified)


def test_a_database_that_was_moved_without_its_artifacts_still_finds_them(project, tmp_path):
    (tmp_path / "alone").mkdir()
    shutil.move(project / "mlflow.db", tmp_path / "alone/mlflow.db")
    before = places(tmp_path / "alone")
    champion_export(uri_of(tmp_path / "alone"), "hv_from_ds", "random", None, tmp_path / "taken")
    assert places(tmp_path / "alone") == before


def test_another_path_to_the_same_folder_changes_nothing(project, tmp_path):
    (tmp_path / "mount").symlink_to(project)
    before = places(project)
    bring_up_to_date(tmp_path / "mount/mlflow.db")
    assert places(project) == before


def test_places_that_this_program_did_not_make_stay(project, tmp_path):
    elsewhere = {"mine": (tmp_path / "runs/mine").as_uri(), "bucket": "s3://bucket/mlartifacts/bucket"}
    client = open_client(uri_of(project))
    for name, place in elsewhere.items():
        client.create_experiment(name, place)
    shutil.move(project, tmp_path / "moved")
    client = open_client(uri_of(tmp_path / "moved"))
    for name, place in elsewhere.items():
        assert client.get_experiment_by_name(name).artifact_location == place


def test_what_is_gone_is_named_and_recording_writes_it_again(project, tmp_path):
    shutil.rmtree(project / "mlartifacts")
    client = open_client(uri_of(project))
    with pytest.raises(StorageError, match=f"{MODEL} version 1: its files are not found: put file:.* back, or write"):
        champion_export(uri_of(project), "hv_from_ds", "random", None, tmp_path / "taken")
    assert not (tmp_path / "taken").exists()
    said = []
    (campaign,) = read_campaigns(client, ["quick-1"], said.append)
    assert campaign.studies[0].predictions == {}
    (line,) = [line for line in said if "not found" in line]
    assert line.startswith(f"{RUN}: recorded predictions are not found, so the report has no plots of them: put file:")
    assert line.endswith("gear-search record quick-1")
    tell(project)
    assert {file.path for file in client.list_artifacts(runs(client)[RUN].info.run_id)} == {
        "plan.toml",
        "importance.json",
        PREDICTIONS,
    }
    champion_export(uri_of(project), "hv_from_ds", "random", None, tmp_path / "taken")
    (version,) = rivals(uri_of(project), MODEL)
    assert (version.version, version.aliases) == ("2", ("best_gear", "champion"))
    assert client.get_model_version(MODEL, "1").tags["status"] == "lost"
    tell(project)
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2


def test_a_champion_of_another_campaign_whose_files_are_gone_makes_room(project, tmp_path):
    """As in a copied project that lost its artifacts: the copy does not record for the original."""
    shutil.rmtree(project / "mlartifacts")
    uri = uri_of(project)
    record(uri, history=story(), id="1" * 16)
    other = dataclasses.replace(WINNER, campaign_id="1" * 16, scores=SCORES | {"validation_rmse": 0.7})
    make_export(tmp_path, tmp_path / "export")
    register_winner(uri, tmp_path / "export", other)
    (version,) = rivals(uri, MODEL)
    assert (version.version, version.aliases) == ("2", ("best_gear", "champion"))


def test_a_moved_database_that_may_only_be_read_names_what_it_does_not_find(project, tmp_path, monkeypatch):
    shutil.move(project, tmp_path / "moved")

    def refused(_):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("tracking.client.bring_up_to_date", refused)
    with pytest.raises(StorageError, match="its files are not found"):
        champion_export(uri_of(tmp_path / "moved"), "hv_from_ds", "random", None, tmp_path / "taken")
    with pytest.raises(StorageError, match="cannot open"):
        open_client(uri_of(tmp_path / "moved"), create=True)
