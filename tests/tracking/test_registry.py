"""The registry's rules, on real exports of a tiny model."""

import dataclasses
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.errors import StorageError, UnknownNameError
from gear.export import Member, export_model
from gear.predict import load_predictor
from gear.training import TrainingRun
from tests.conftest import synthetic_pair
from tracking import export as export_command
from tracking import registry
from tracking.recorder import Recorder, StudyInfo
from tracking.registry import Winner, champion_export, champions, register_winner

NAME = "gear.hv_from_ds.random"


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    pair, folder = synthetic_pair(), tmp_path_factory.mktemp("model")
    config = TrialConfig(method="stl", training=TrainingConfig(epochs=2, batch_size=50))
    run = TrainingRun(config, pair, "cpu")
    list(run.epochs())
    run.save(folder / "checkpoint")
    spec = TrialSpec(PairSpec(TaskSpec("target"), (TaskSpec("source"),)), "random", config=config)
    export_model([Member(folder / "checkpoint", spec, pair)], pair, folder / "export", {"test RMSE": 0.5})
    return folder / "export"


@pytest.fixture
def recorded(uri):
    """Two studies with two trials each are in MLflow."""
    with Recorder(uri, "quick-1") as recorder:
        for method in ("gear", "stl"):
            study = f"hv_from_ds.random.{method}"
            recorder.study_started(StudyInfo(study, "hv_from_ds", "random", method, 2))
            for number in (0, 1):
                recorder.trial_started(study, number, {}, {})
                recorder.trial_ended(study, number, "complete", "last epoch", {})
    return uri


def winner(method="gear", rmse=0.5, number=0):
    return Winner(
        "hv_from_ds", "random", method, f"hv_from_ds.random.{method}", "quick-1", number, rmse, 0.6, 12.0, 1, "s1", "d1"
    )


def holders(client):
    return {alias: int(version) for alias, version in client.get_registered_model(NAME).aliases.items()}


def test_registered_model_predicts_what_the_export_predicts(recorded, export):
    found = register_winner(recorded, export, winner())
    assert found.aliases == ("best_gear", "champion")
    smiles = ["CCO", "c1ccccc1", "CC(=O)O"]
    expected = load_predictor(export).predict(smiles)
    import pandas as pd

    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    np.testing.assert_allclose(loaded.predict(pd.DataFrame({"smiles": smiles})), expected, rtol=1e-6)


def test_no_pickle_is_stored_and_the_evidence_is(recorded, export, client, tmp_path):
    register_winner(recorded, export, winner())
    stored = [path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()]
    assert not [path for path in stored if path.suffix in (".pkl", ".pickle", ".pt", ".pth")]
    tags = client.get_model_version(NAME, "1").tags
    assert (tags["validation_rmse"], tags["test_rmse"], tags["split_hash"]) == ("0.5", "0.6", "s1")
    run = client.get_run(client.get_model_version(NAME, "1").run_id)
    assert run.info.run_name == "gear #0"


def test_registering_leaves_the_trials_run_as_it_was(recorded, export, client):
    def info():
        experiment = client.get_experiment_by_name("quick-1").experiment_id
        (run,) = client.search_runs([experiment], "tags.`mlflow.runName` = 'gear #0'")
        return run.info.status, run.info.end_time

    before = info()
    register_winner(recorded, export, winner())
    assert info() == before


def test_failed_registration_leaves_the_trials_run_as_it_was_too(recorded, export, client, monkeypatch):
    def disk_full(**_):
        raise OSError("disk full")

    monkeypatch.setattr(registry.mlflow.pyfunc, "log_model", disk_full)
    with pytest.raises(StorageError, match="disk full"):
        register_winner(recorded, export, winner())
    runs = client.search_runs([client.get_experiment_by_name("quick-1").experiment_id], "tags.`gear.trial` = '0'")
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_model_belongs_to_the_run_of_its_own_campaign(uri, export, client):
    """Campaigns whose names begin alike, and a later one of the same name, have a trial of the same study."""
    study = "hv_from_ds.random.gear"
    for campaign, created in (("quick-1", "monday"), ("quick-1", "tuesday"), ("quick-10", "monday")):
        with Recorder(uri, campaign, created) as recorder:
            recorder.study_started(StudyInfo(study, "hv_from_ds", "random", "gear", 1))
            recorder.trial_started(study, 0, {}, {})
            recorder.trial_ended(study, 0, "complete", "last epoch")
    register_winner(uri, export, dataclasses.replace(winner(), created="monday"))
    run = client.get_run(client.get_model_version(NAME, "1").run_id)
    assert client.get_experiment(run.info.experiment_id).name == "quick-1"


def test_lowest_validation_error_is_champion_over_all_methods(recorded, export, client):
    register_winner(recorded, export, winner("gear", 0.5))
    register_winner(recorded, export, winner("stl", 0.4))
    assert holders(client) == {"best_gear": 1, "best_stl": 2, "champion": 2}
    assert register_winner(recorded, export, winner("gear", 0.45, number=1)).aliases == ("best_gear", "challenger")
    assert holders(client) == {"best_gear": 3, "best_stl": 2, "champion": 2, "challenger": 3}


@pytest.mark.parametrize("other", [{"split_hash": "s2"}, {"data_hash": "d2"}])
def test_other_split_or_data_never_dethrones(other, recorded, export, client):
    register_winner(recorded, export, winner(rmse=0.5))
    register_winner(recorded, export, dataclasses.replace(winner(rmse=0.1, number=1), **other))
    assert holders(client)["champion"] == 1
    assert holders(client)["challenger"] == 2


def test_same_trial_is_registered_once(recorded, export, client):
    for _ in range(2):
        assert register_winner(recorded, export, winner()).version == "1"
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_version_that_does_not_predict_gets_no_alias(recorded, export, client, monkeypatch):
    class Broken:
        def predict(self, _):
            return np.array([np.nan])

    monkeypatch.setattr(registry.mlflow.pyfunc, "load_model", lambda _: Broken())
    with pytest.raises(Exception, match="does not predict"):
        register_winner(recorded, export, winner())
    assert holders(client) == {}
    monkeypatch.undo()
    assert register_winner(recorded, export, winner()).aliases == ("best_gear", "champion")


def test_trial_that_is_not_recorded_cannot_be_registered(recorded, export):
    with pytest.raises(StorageError, match=r"trial .* #9 is not recorded"):
        register_winner(recorded, export, winner(number=9))


def test_champion_can_be_taken_away(recorded, export, tmp_path):
    register_winner(recorded, export, winner())
    champion_export(recorded, "hv_from_ds", "random", None, tmp_path / "taken")
    smiles = ["CCO", "CCN"]
    np.testing.assert_array_equal(
        load_predictor(tmp_path / "taken").predict(smiles), load_predictor(export).predict(smiles)
    )
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == sorted(p.name for p in export.iterdir())
    assert [v.name for v in champions(recorded)] == [NAME]


def run_command(command, monkeypatch, capsys, *args):
    monkeypatch.setattr(sys, "argv", ["command", *map(str, args)])
    code = command.main()
    return code, capsys.readouterr()


def test_export_command_says_what_it_took(recorded, export, tmp_path, monkeypatch, capsys):
    register_winner(recorded, export, winner())
    where = ("--pair", "hv_from_ds", "--split", "random", "--to", tmp_path / "taken", "--tracking-uri", recorded)
    code, printed = run_command(export_command, monkeypatch, capsys, *where)
    assert code == 0
    assert "version 1 (gear): validation RMSE 0.5000" in printed.out
    code, printed = run_command(export_command, monkeypatch, capsys, *where)
    assert code == 2
    assert "is not empty" in printed.err


def test_missing_champion_is_one_line_with_what_there_is(recorded, export, tmp_path, monkeypatch, capsys):
    register_winner(recorded, export, winner())
    where = ("--pair", "st_from_ri", "--split", "random", "--to", tmp_path / "taken", "--tracking-uri", recorded)
    code, printed = run_command(export_command, monkeypatch, capsys, *where)
    assert code == 2
    assert "gear.st_from_ri.random@champion" in printed.err
    assert NAME in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "taken").exists()


def test_unwritable_target_leaves_nothing_behind(recorded, export, tmp_path):
    register_winner(recorded, export, winner())
    (tmp_path / "file").touch()
    for target in (tmp_path / "file" / "taken", tmp_path / "file", Path()):
        with pytest.raises(StorageError, match=r"cannot write|is not empty"):
            champion_export(recorded, "hv_from_ds", "random", None, target)


def test_best_of_a_method_that_has_none_is_named(recorded, export, tmp_path):
    register_winner(recorded, export, winner())
    with pytest.raises(UnknownNameError, match="best_stl"):
        champion_export(recorded, "hv_from_ds", "random", "stl", tmp_path / "taken")


def test_listing_shows_the_champions(recorded, export, monkeypatch, capsys):
    register_winner(recorded, export, dataclasses.replace(winner(), validation_rmse=0.25))
    code, printed = run_command(registry, monkeypatch, capsys, "--tracking-uri", recorded)
    assert code == 0
    assert NAME in printed.out
    assert "0.2500" in printed.out


def test_without_a_record_nothing_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, printed = run_command(
        export_command, monkeypatch, capsys, "--pair", "hv_from_ds", "--split", "random", "--to", "taken"
    )
    assert code == 2
    assert "run a search first" in printed.err
    assert list(tmp_path.iterdir()) == []
