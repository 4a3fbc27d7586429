"""The registry's rules, on real exports of a tiny model."""

import dataclasses
import json
import os
import re
import sys
from functools import partialmethod
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from gear.errors import InputDataError, StorageError, UnknownNameError
from gear.evaluation.comparison import Change
from gear.evaluation.uncertainty import Interval
from gear.predict import load_predictor
from tests.support.tiny_export import make_export
from tracking import export as export_command
from tracking import models, registry
from tracking.evidence import description, rival_lines
from tracking.evidence_file import read_evidence
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import MlflowClient
from tracking.recording.messages import StudyStarted, TrialResult, TrialStarted
from tracking.recording.recorder import Recorder
from tracking.registry import Winner, champion_export, champions, register_winner, rivals, supersede_others
from tracking.runs import attach, find_run

NAME = "gear.hv_from_ds.random"


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    make_export(folder, folder / "export")
    return folder / "export"


def tell(uri, campaign, created, methods, trials):
    """Record a campaign of complete trials."""
    story = []
    for method in methods:
        study = f"hv_from_ds.random.{method}"
        story.append(StudyStarted(study, trials, {"method": method}))
        for number in range(trials):
            story += [TrialStarted(study, number), TrialResult(study, number, "complete", "last epoch")]
    with Recorder(uri, CampaignIdentity(campaign, created=created)).start(lambda: story) as recorder:
        assert recorder.flush()


@pytest.fixture
def recorded(uri):
    """Two studies with two trials each are in MLflow."""
    tell(uri, "quick-1", "", ("gear", "stl"), 2)
    return uri


def winner(method="gear", rmse=0.5, number=0, **more):
    scores = {"validation_rmse": rmse, "test_rmse": 0.6, "test_rmse_units": 12.0}
    study = f"hv_from_ds.random.{method}"
    return Winner("hv_from_ds", "random", method, study, "quick-1", number, "s1", scores, "d1", **more)


def holders(client):
    return {alias: int(version) for alias, version in client.get_registered_model(NAME).aliases.items()}


def test_registered_model_predicts_what_the_export_predicts(recorded, export):
    found = register_winner(recorded, export, winner())
    assert found.aliases == ("best_gear", "champion")
    smiles = ["CCO", "c1ccccc1", "CC(=O)O"]
    expected = load_predictor(export).predict(smiles)
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    np.testing.assert_allclose(loaded.predict(pd.DataFrame({"smiles": smiles})), expected, rtol=1e-6)


def test_registered_model_takes_the_feature_columns_of_its_signature(recorded, tmp_path):
    make_export(tmp_path, tmp_path / "export", temperatures=True)
    register_winner(recorded, tmp_path / "export", winner())
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    assert loaded.metadata.signature.inputs.input_names() == ["smiles", "temperature"]
    expected = load_predictor(tmp_path / "export").predict(["CCO", "CCO"], [[280], [320]])
    for kind in ("float64", "int64", "int32", "float32", "Int64"):
        table = pd.DataFrame({"smiles": ["CCO", "CCO"], "temperature": pd.Series([280, 320], dtype=kind)})
        np.testing.assert_allclose(loaded.predict(table), expected, rtol=1e-6, err_msg=kind)
    with pytest.raises(InputDataError, match="columns must hold numbers"):
        loaded.predict(table.assign(temperature="warm"))
    with pytest.raises(mlflow.MlflowException, match="temperature"):
        loaded.predict(table[["smiles"]])


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


def test_a_run_of_the_users_own_may_be_active_in_another_experiment(recorded, export, client, monkeypatch):
    monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)  # both are reset after the test
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    mlflow.set_tracking_uri(recorded)
    mlflow.set_experiment("notebook")
    with mlflow.start_run() as own:
        assert register_winner(recorded, export, winner()).aliases == ("best_gear", "champion")
        assert mlflow.active_run().info.run_id == own.info.run_id
    run = client.get_run(client.get_model_version(NAME, "1").run_id)
    assert run.info.run_name == "gear #0"
    assert client.get_experiment(run.info.experiment_id).name == "quick-1"
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert model.status == "READY"
    assert [made.model_id for made in run.outputs.model_outputs] == [model.model_id]


def test_failed_registration_leaves_the_trials_run_as_it_was_too(recorded, export, client, monkeypatch):
    def disk_full(**_):
        raise OSError("disk full")

    monkeypatch.setattr(registry.mlflow.pyfunc, "save_model", disk_full)
    with pytest.raises(StorageError, match="disk full"):
        register_winner(recorded, export, winner())
    runs = client.search_runs([client.get_experiment_by_name("quick-1").experiment_id], "tags.`gear.trial` = '0'")
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_model_belongs_to_the_run_of_its_own_campaign(uri, export, client):
    """Campaigns whose names begin alike, and a later one of the same name, have a trial of the same study."""
    for campaign, created in (("quick-1", "monday"), ("quick-1", "tuesday"), ("quick-10", "monday")):
        tell(uri, campaign, created, ["gear"], 1)
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


def test_of_equals_the_older_stays_champion(recorded, export, client):
    register_winner(recorded, export, winner("gear", 0.5))
    assert register_winner(recorded, export, winner("stl", 0.5)).aliases == ("best_stl", "challenger")
    assert holders(client)["champion"] == 1


def test_test_part_never_decides(recorded, export, client):
    register_winner(recorded, export, winner("gear", 0.5))
    better_on_test = {"validation_rmse": 0.51, "test_rmse": 0.1}
    register_winner(recorded, export, dataclasses.replace(winner("stl"), scores=better_on_test))
    assert holders(client)["champion"] == 1


def test_champion_that_was_challenger_is_no_longer_one(recorded, export, client):
    register_winner(recorded, export, winner("gear", 0.5))
    register_winner(recorded, export, winner("stl", 0.6))
    assert holders(client)["challenger"] == 2
    register_winner(recorded, export, winner("stl", 0.4, number=1))
    assert holders(client) == {"best_gear": 1, "best_stl": 3, "champion": 3, "challenger": 2}


def test_version_carries_all_by_which_it_can_be_judged(recorded, export, client):
    register_winner(recorded, export, winner("stl", 0.5))
    found = register_winner(
        recorded,
        export,
        winner(
            "gear",
            0.4,
            single_task={"test_rmse": 0.7, "test_rmse_low": 0.65},
            change=Change(-0.143, Interval(-0.143, -0.3, -0.05), 0.01, 102),
            reference={"test_rmse": 0.3, "test_rmse_low": 0.25, "test_rmse_high": 0.35},
            reference_change=Change(1.0),
            warnings=["one thing", "another thing"],
            config={"training": {"epochs": 2}},
            seed=7,
            versions={"gear-search": "0.1.0", "commit": "1a2b3c"},
        ),
    )
    tags = found.evidence
    assert (tags["split_hash"], tags["data_hash"], tags["seed"], tags["campaign"]) == ("s1", "d1", "7", "quick-1")
    assert (tags["stl_test_rmse"], tags["stl_test_rmse_low"]) == ("0.7", "0.65")
    assert (tags["champion_before"], tags["champion_before_method"]) == ("1", "stl")
    assert (tags["champion_before_validation_rmse"], tags["champion_before_test_rmse"]) == ("0.5", "0.6")
    assert json.loads(tags["config"]) == {"training": {"epochs": 2}}
    assert json.loads(tags["versions"])["commit"] == "1a2b3c"
    text = client.get_model_version(NAME, found.version).description
    assert f"Against single-task learning: {tags['against_single_task']}." in text
    assert "14.3 % lower than of stl (95 % interval 5.0 to 30.0 %, 102 test molecules)" in text
    assert "| this version | 0.4000 | 0.6000 |" in text
    assert "| previous champion | 0.5000 | 0.6000 |" in text
    assert "| untuned SVR |  | 0.3000 (0.25 to 0.35) |" in text
    assert tags["against_reference"].endswith("; gear does not beat an untuned support vector machine")
    assert f"Against an untuned support vector machine: {tags['against_reference']}." in text
    assert "**Warnings**: one thing; another thing." in text
    assert "Prediction intervals" not in text


def test_tags_are_what_a_person_filters_by_and_the_rest_is_a_file(recorded, export, client, tmp_path):
    scores = {"validation_rmse": 0.5, "test_rmse": 0.6, "test_rmse_units": 12.0, "test_rmse_low": 0.5, "test_mae": 0.4}
    known = dataclasses.replace(winner(config={"seed": 1}, labels="all"), scores=scores)
    found = register_winner(recorded, export, known)
    version = client.get_model_version(NAME, found.version)
    assert 12 <= len(version.tags) <= 18
    assert {"pair", "split", "method", "campaign", "labels", "test_rmse"} <= set(version.tags)
    assert not {"config", "test_rmse_low", "test_mae", "versions"} & set(version.tags)
    assert client.search_model_versions(f"name = '{NAME}' and tags.method = 'gear' and tags.labels = 'all'")
    place = mlflow.artifacts.download_artifacts(f"models:/{NAME}/{found.version}/evidence.json", dst_path=str(tmp_path))
    written = json.loads(Path(place).read_text())
    assert (written["format"], written["evidence"]["test_mae"]) == (2, "0.4")
    assert written["evidence"].items() <= found.evidence.items()
    assert "`evidence.json` among the model's artifacts" in version.description


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("{"), lambda file: file.write_text("[]")])
def test_where_the_evidence_is_gone_or_damaged_the_tags_are_read(recorded, export, client, damage):
    register_winner(recorded, export, winner())
    found = client.get_model_version(NAME, "1")
    damage(Path(found.source.removeprefix("file://")) / "evidence.json")
    known = read_evidence(found)
    assert known["method"] == "gear"
    assert "config" not in known
    assert champions(recorded)[0].evidence == known


def test_a_version_of_an_earlier_program_has_its_evidence_as_tags_and_is_compared(
    recorded, export, client, tmp_path, monkeypatch
):
    def all_as_tags(evidence):
        return dict(evidence)

    with monkeypatch.context() as earlier:  # which wrote no file and no format
        earlier.setattr(registry, "evidence_tags", all_as_tags)
        earlier.setattr(registry, "write_evidence", lambda *_: None)
        first = register_winner(
            recorded, export, winner("stl", 0.5, versions={"gear-search": "0.1.0"}, config={"a": 1})
        )
    assert "evidence_format" not in client.get_model_version(NAME, "1").tags
    assert (first.evidence["config"], first.evidence["method"]) == ('{"a": 1}', "stl")
    assert register_winner(recorded, export, winner("stl", 0.5)).version == "1"
    assert [found.evidence["test_rmse"] for found in champions(recorded)] == ["0.6"]
    champion_export(recorded, "hv_from_ds", "random", None, tmp_path / "taken")
    later = register_winner(recorded, export, winner("gear", 0.4))
    assert later.aliases == ("best_gear", "champion")
    assert (later.evidence["champion_before"], later.evidence["champion_before_test_rmse"]) == ("1", "0.6")
    table = {line.partition("  ")[0]: re.split(r" {2,}", line)[1:] for line in rival_lines(rivals(recorded, NAME))}
    assert table["validation RMSE"] == ["0.4000", "0.5000"]


def test_coverage_of_the_intervals_is_evidence(recorded, export, client):
    scores = {"test_n": 100, "test_coverage_90": 0.88, "test_width_90_units": 12.5}
    found = winner(unit="kJ/mol")
    found = register_winner(recorded, export, dataclasses.replace(found, scores={**found.scores, **scores}))
    assert (found.evidence["test_coverage_90"], found.evidence["test_width_90_units"]) == ("0.88", "12.5")
    told = "88 of 100 test molecules are inside their 90 % interval, 88 % (80 to 93 %); mean width 12.5 kJ/mol"
    assert f"Prediction intervals: {told}." in client.get_model_version(NAME, found.version).description
    assert any(re.search(r"inside 90 % intervals +88 % \(80 to 93 %\)", line) for line in rival_lines([found]))


def test_champion_on_other_molecules_is_no_evidence(recorded, export):
    register_winner(recorded, export, winner("stl", 0.5))
    found = register_winner(recorded, export, dataclasses.replace(winner("gear", 0.4), split_hash="s2"))
    assert "champion_before" not in found.evidence


def test_same_trial_is_registered_once(recorded, export, client):
    for _ in range(2):
        assert register_winner(recorded, export, winner()).version == "1"
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_evidence_of_a_version_follows_its_campaign_and_so_does_the_champion(recorded, export, client):
    register_winner(recorded, export, winner("stl", 0.45))
    first = register_winner(
        recorded, export, winner("gear", 0.4, warnings=["one thing"], single_task={"test_rmse": 0.9})
    )
    register_winner(recorded, export, winner("stl", 0.45))
    assert holders(client) == {"best_gear": 2, "best_stl": 1, "champion": 2, "challenger": 1}
    later = register_winner(recorded, export, winner("gear", 0.5, single_task={"test_rmse": 0.6}))
    assert (first.version, later.version) == ("2", "2")
    assert holders(client) == {"best_gear": 2, "best_stl": 1, "champion": 1, "challenger": 2}
    assert (later.evidence["validation_rmse"], later.evidence["stl_test_rmse"]) == ("0.5", "0.6")
    assert "warnings" not in later.evidence
    assert later.evidence["champion_before"] == "1"
    version = client.get_model_version(NAME, "2")
    assert "| this version | 0.5000 | 0.6000 |" in version.description
    assert "| single-task |  | 0.6000 |" in version.description
    again = register_winner(recorded, export, winner("gear", 0.5, single_task={"test_rmse": 0.6}))
    assert again == later
    assert client.get_model_version(NAME, "2").last_updated_timestamp == version.last_updated_timestamp


def test_other_models_under_the_same_numbers_are_another_version(recorded, export, client):
    half, whole = (winner("blend", 0.4, None, trials="all", labels="all", models=digest) for digest in ("one", "two"))
    half, whole = (dataclasses.replace(one, study="hv_from_ds.random.gear") for one in (half, whole))
    assert [register_winner(recorded, export, one).version for one in (half, half, whole, whole)] == list("1122")
    client.delete_model_version_tag(NAME, "1", "models")  # as an earlier version left it
    client.delete_model_version_tag(NAME, "2", "models")
    assert register_winner(recorded, export, whole).version == "3"
    plain = dataclasses.replace(whole, labels="", models="")
    assert register_winner(recorded, export, plain).version == "4"
    assert register_winner(recorded, export, dataclasses.replace(plain, models="four")).version == "4"
    assert client.get_model_version(NAME, "4").tags["models"] == "four"


def test_what_a_campaign_delivers_no_more_loses_its_aliases_until_it_is_delivered_again(recorded, export, client):
    tell(recorded, "other", "", ["gear"], 1)
    for found in (winner("stl", 0.45), winner("gear", 0.3), winner("gear", 0.35, 1)):
        register_winner(recorded, export, found)
    register_winner(recorded, export, dataclasses.replace(winner("gear", 0.4), campaign="other"))
    assert holders(client) == {"best_gear": 2, "best_stl": 1, "champion": 2, "challenger": 4}
    delivered = {"hv_from_ds.random.gear": "3", "hv_from_ds.random.stl": ""}
    for _ in range(2):
        supersede_others(recorded, CampaignIdentity("quick-1"), [NAME, "gear.no.model"], delivered)
        assert holders(client) == {"best_gear": 3, "best_stl": 1, "champion": 3, "challenger": 4}
        statuses = {v.version: v.tags["status"] for v in client.search_model_versions(f"name = '{NAME}'")}
        assert {str(version): status for version, status in statuses.items()} == {
            "1": "ready",
            "2": "superseded",
            "3": "ready",
            "4": "ready",
        }
    supersede_others(recorded, CampaignIdentity("quick-1"), [NAME], {})
    assert holders(client) == {"best_gear": 4, "champion": 4}
    assert register_winner(recorded, export, winner("gear", 0.3)).aliases == ("best_gear", "champion")
    assert holders(client) == {"best_gear": 2, "champion": 2}


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


def test_models_beyond_the_first_page_of_the_registry_are_known(recorded, client, monkeypatch):
    for number in range(3):
        client.create_registered_model(f"gear.pair{number}.random")
    found = MlflowClient.search_registered_models
    monkeypatch.setattr(MlflowClient, "search_registered_models", partialmethod(found, max_results=1))
    assert rivals(recorded, "pair2.random") == []
    with pytest.raises(UnknownNameError, match=r"known: gear\.pair0\.random, gear\.pair1\.random, gear\.pair2\.random"):
        rivals(recorded, "pair3.random")


def test_the_scale_of_errors_is_that_of_the_split():
    known = {"method": "gear", "pair": "p", "campaign": "c", "test_evaluations": "5", "split_hash": "", "data_hash": ""}
    known |= {"validation_rmse": "0.5", "test_rmse": "0.5", "trials": "gear #1"}
    for split, scale in (("random", "the target's training part"), ("random-cv", "all labels")):
        assert f"standardised by {scale}," in description({**known, "split": split})


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
    register_winner(recorded, export, winner(rmse=0.25))
    code, printed = run_command(models, monkeypatch, capsys, "--tracking-uri", recorded)
    assert code == 0
    assert NAME in printed.out
    assert "0.2500" in printed.out


def test_comparison_shows_champion_challenger_and_the_best_of_every_method(recorded, export, monkeypatch, capsys):
    exact = {"test_rmse_low": 0.55, "test_rmse_high": 0.65}
    register_winner(recorded, export, winner("stl", 0.5))
    register_winner(recorded, export, winner("gear", 0.4))
    better = winner("gear", 0.3, number=1)
    register_winner(recorded, export, dataclasses.replace(better, scores={**better.scores, **exact}, split_hash="s2"))
    for model in ("hv_from_ds.random", NAME):
        code, printed = run_command(models, monkeypatch, capsys, "compare", model, "--tracking-uri", recorded)
        assert code == 0
        lines = {line.partition("  ")[0]: re.split(r" {2,}", line)[1:] for line in printed.out.splitlines()}
        assert lines["version"] == ["2", "3", "1"]
        assert lines["method"] == ["gear", "gear", "stl"]
        assert lines["validation RMSE"] == ["0.4000", "0.3000", "0.5000"]
        assert lines["test RMSE"] == ["0.6000", "0.6000 (0.55 to 0.65)", "0.6000"]
        assert lines["split"] == ["s1", "s2", "s1"]
        assert "version 3: judged on another split or other data than version 2" in printed.out
    assert [found.aliases for found in rivals(recorded, NAME)] == [
        ("champion",),
        ("best_gear", "challenger"),
        ("best_stl",),
    ]


def test_model_that_does_not_exist_is_one_line_with_what_there_is(recorded, export, monkeypatch, capsys):
    register_winner(recorded, export, winner())
    code, printed = run_command(models, monkeypatch, capsys, "compare", "st_from_ri.random", "--tracking-uri", recorded)
    assert code == 2
    assert NAME in printed.err
    assert printed.err.count("\n") == 1


def test_without_a_record_nothing_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, printed = run_command(
        export_command, monkeypatch, capsys, "--pair", "hv_from_ds", "--split", "random", "--to", "taken"
    )
    assert code == 2
    assert "run a search first" in printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_refit_takes_the_place_of_the_trial_it_refits(recorded, export, client):
    register_winner(recorded, export, winner())
    refit = register_winner(recorded, export, winner(trials="2 3"))
    assert (refit.version, refit.aliases) == ("2", ("best_gear", "champion"))
    assert register_winner(recorded, export, winner(trials="2 3")).version == "2"
    assert register_winner(recorded, export, winner("stl", 0.4)).aliases == ("best_stl", "champion")
    assert holders(client)["best_gear"] == 2


def test_a_file_is_put_beside_a_study_once(recorded, client, tmp_path):
    file = tmp_path / "predictions.parquet"
    for content in (b"first", b"first", b"second"):
        file.write_bytes(content)
        attach(recorded, CampaignIdentity("quick-1"), "hv_from_ds.random.gear", file)
    run = find_run(client, CampaignIdentity("quick-1"), "hv_from_ds.random.gear", None)
    stored = client.download_artifacts(run.info.run_id, "predictions.parquet", str(tmp_path / "."))
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["predictions.parquet"]
    assert Path(stored).read_bytes() == b"second"
    with pytest.raises(StorageError, match="is not recorded in MLflow"):
        attach(recorded, CampaignIdentity("quick-1"), "hv_from_ds.scaffold.gear", file)


def test_a_copy_can_be_read_by_others_whatever_the_record_allows(recorded, export, tmp_path):
    """Earlier versions recorded weights that only their owner could read."""
    register_winner(recorded, export, winner())
    for path in (tmp_path / "mlartifacts").rglob("*.safetensors"):
        path.chmod(0o600)
    champion_export(recorded, "hv_from_ds", "random", None, tmp_path / "there" / "taken")
    files = [path for path in (tmp_path / "there" / "taken").rglob("*") if path.is_file()]
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}
    assert load_predictor(tmp_path / "there" / "taken").predict(["CCO"]).shape == (1,)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["taken"]
