"""Results over all folds of a cross-validation: joined from those of the folds, in whose place they are shown."""

import dataclasses
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from gear.errors import InputDataError, StorageError, UnknownNameError
from gear.evaluation.conformal import Calibration
from gear.evaluation.held_out import HeldOutPredictions, predictions_table
from gear.label_scaler import Scaler
from search.campaign.campaign import Campaign
from search.campaign.events import BlendFinished, BlendMember, StudyFinished
from search.campaign.selection import winner
from search.cli.leaderboard import print_leaderboard
from search.launch.campaign_result import CampaignResult
from search.plan.campaign_plan import CHAMPION
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.results import cross_validation as module
from search.results.cross_validation import judge_cross_validations, read_joined
from search.results.intervals import with_intervals
from search.results.mlflow_records import final_records
from search.results.references import read_references, reference_predictions_name
from search.results.shares import joined_shares
from search.results.winners import leaderboard
from search.storage.campaign_store import CampaignStore
from search.storage.layout import cross_validation_file
from search.storage.local import LocalPath
from tests.support.fake_training import recorded_search, small_plan
from tracking.recording.messages import StudyResult, StudyStarted

FOLDS = [f"random-cv{k}" for k in range(1, 6)]
PLAN = small_plan("small-1", trials=3, splits=FOLDS, final="blend")
PLACE = "hv_from_ds.random-cv"
HEAD = {
    "plan": plan_to_dict(PLAN),
    "data": {
        f"hv_from_ds.{fold}": {"split_hash": fold, "data_hash": "d", "unit": "kJ/mol", "labels": "48"} for fold in FOLDS
    },
    "created": "monday",
    "versions": {},
}
N = 60
SMILES = np.array([f"C{k:03d}" for k in range(N)], object)
VALUE = np.random.default_rng(0).normal(50, 10, N)
# by method, in kJ/mol; that of gear alternates, so that its mean error is zero
ERROR = {"gear": np.where(np.arange(N) % 2, 1.0, -1.0), "stl": np.full(N, 2.0), "blend": np.full(N, 0.5)}


def predicted(method, fold, half_width=None):
    """What a winner predicts for the fold's fifth of the molecules, and for others that validated it."""
    rows = np.concatenate([np.arange(fold, N, 5), np.arange((fold + 1) % 5, N, 5)])
    part = np.repeat(["test", "validation"], N // 5)
    unknown = np.full(len(rows), np.nan)
    off = np.where(part == "test", ERROR[method][rows], 100.0)
    held_out = HeldOutPredictions(
        SMILES[rows], part, VALUE[rows], VALUE[rows] + off, unknown, Scaler(50, 10, log10=False)
    )
    table = predictions_table(held_out)
    if half_width is None:
        return table
    ends = type("Fixed", (), {"highest": 95, "interval": lambda self, p, s, level: (p - half_width, p + half_width)})()
    return with_intervals(table, np.ones(N // 5), ends)


def test_study(campaign, store, study, fold, value):
    """Test a study's winner."""
    best = winner(study, PLAN.search)
    best.value = value
    store.write_predictions(study.name, predicted(study.plan.method_name, fold, 1.5))
    scores = {"rmse": 1.0, "rmse_units": 1.0, "mae": 1.0, "r2": 0.0, "n": N // 5}
    campaign.finish_study(StudyFinished(study.name, best.number, value, 1, scores, FOLDS[fold], "d"))


test_study.__test__ = False


@pytest.fixture
def store(tmp_path):
    with CampaignStore.create(LocalPath(tmp_path / "small-1"), HEAD, plan_to_toml(PLAN)) as opened:
        yield opened


@pytest.fixture
def data(monkeypatch):
    """The target of the pair, whose labels are not transformed."""
    target = type("Target", (), {"log10": False})
    monkeypatch.setattr(module, "load_pair", lambda *_: type("Pair", (), {"target": target}))


def searched(store, folds=5):
    """A campaign whose studies were tested on some folds; stl is best on validation on the last one of them."""
    campaign = recorded_search(PLAN, store)
    for study in campaign.studies.values():
        fold = FOLDS.index(study.plan.split)
        if fold < folds:
            value = {"gear": 0.3, "stl": 0.4 if fold < 4 else 0.1}[study.plan.method_name]
            test_study(campaign, store, study, fold, value)
    return campaign


def blended(campaign, store, fold):
    """Add a blend to a fold that is its champion."""
    members = [
        BlendMember(f"hv_from_ds.{FOLDS[fold]}.{method}", 0, 1 + 2 * (method == "gear")) for method in ("gear", "stl")
    ]
    store.write_predictions(f"hv_from_ds.{FOLDS[fold]}.blend", predicted("blend", fold, 1.5))
    scores = {"rmse": 1.0, "rmse_units": 1.0, "mae": 1.0, "r2": 0.0, "n": N // 5}
    campaign.finish_blend(
        BlendFinished("hv_from_ds", FOLDS[fold], members, {}, 0.1, 0.1, 0.2, 0.05, 1, scores, FOLDS[fold], "d")
    )


def rmse(errors):
    return np.sqrt(np.square(errors).mean())


def test_each_molecule_counts_once_in_the_errors_of_a_method_and_of_the_champions(store, data):
    campaign = searched(store)
    blended(campaign, store, 0)
    judge_cross_validations(campaign, store, pytest.fail)
    gear, stl, champion = read_joined(PLAN, store.folder)
    assert [gear.name, stl.name, champion.name] == [f"{PLACE}.{method}" for method in ("gear", "stl", "champion")]
    assert champion.methods == "blend, gear, gear, gear, stl"
    assert (gear.scores["n"], gear.test_evaluations, gear.data_hash) == (N, 5, "d")
    assert len({gear.split_hash, stl.split_hash, champion.split_hash, *FOLDS}) == 6
    assert gear.scores["rmse_units"] == pytest.approx(1.0)
    assert gear.scores["rmse"] == pytest.approx(1.0 / VALUE.std())
    assert gear.scores["r2"] == pytest.approx(1 - 1 / VALUE.var())
    of_champion = [ERROR[method][np.arange(k, N, 5)] for k, method in enumerate(champion.methods.split(", "))]
    assert champion.scores["rmse_units"] == pytest.approx(rmse(np.concatenate(of_champion)))
    assert champion.validation_rmse == pytest.approx(rmse([0.05, 0.3, 0.3, 0.3, 0.1]))
    assert champion.scores["coverage_90"] == pytest.approx(48 / 60)  # 12 of stl are 2 away, outside 1.5
    table = pq.read_table(str(store.folder / f"predictions/{PLACE}.gear.parquet"))
    assert sorted(table["smiles"].to_pylist()) == sorted(SMILES)
    assert set(table["part"].to_pylist()) == {"test"}


def test_several_data_points_of_a_molecule_count_as_one_molecule_in_the_coverage():
    """Ten of the first molecule, outside, and one each of the second and third, inside."""
    smiles, off = np.array(["C"] * 10 + ["CC", "CCC"], object), np.array([5.0] * 10 + [0.0, 0.0])
    unknown, value = np.full(12, np.nan), np.arange(12.0)
    held_out = HeldOutPredictions(smiles, np.repeat("test", 12), value, value + off, unknown, Scaler(0, 1, log10=False))
    calibration = Calibration(np.ones(9), 0.0, log10=False)
    found = module._scores(with_intervals(predictions_table(held_out), np.ones(12), calibration), log10=False)
    assert (found["n"], found["coverage_molecules"]) == (12, 3)
    assert found["coverage_90"] == pytest.approx(2 / 3)


def test_where_one_method_is_champion_of_every_fold_there_is_no_other_row_for_it(store, data):
    campaign = searched(store)
    study = campaign.studies["hv_from_ds.random-cv5.stl"]
    winner(study, PLAN.search).value = 0.9
    judge_cross_validations(campaign, store, pytest.fail)
    assert [found.method for found in read_joined(PLAN, store.folder)] == ["gear", "stl"]


def test_they_stand_for_the_folds_and_are_compared_over_all_molecules(store, data):
    campaign = searched(store)
    for reference in ("mean", "svr"):
        for fold in range(5):
            name = reference_predictions_name("hv_from_ds", FOLDS[fold], reference)
            store.write_predictions(name, predicted("stl", fold))
    judge_cross_validations(campaign, store, pytest.fail)
    board = leaderboard(campaign, HEAD, store.folder)
    assert [row.study for row in board.standings] == [f"{PLACE}.{method}" for method in ("gear", "stl", "champion")]
    assert [found.split for found in board.references] == ["random-cv"] * 2
    change = board.changes[f"{PLACE}.gear"]
    assert (change.value, change.molecules) == (pytest.approx(-0.5), N)
    assert board.reference_changes[f"{PLACE}.gear"].value == pytest.approx(-0.5)
    screen = Console(file=io.StringIO(), width=200)
    print_leaderboard(screen, board)
    text = screen.file.getvalue()
    assert "5 folds" in text
    assert "of the training part, of results over folds of all labels" in text
    assert "random-cv1" not in text
    assert "champions of the 5 folds: gear, gear, gear, gear, stl; together they test every one of 60 molecules" in text
    assert "test RMSE of gear is 50.0 % lower than of stl (95 % interval 50.0 to 50.0 %, 60 test molecules)" in text


def test_a_fold_that_is_not_tested_is_said_and_all_folds_are_shown(store, data):
    campaign, said = searched(store, folds=4), []
    judge_cross_validations(campaign, store, said.append)
    assert said == ["hv_from_ds random-cv: the folds are not joined: no method was tested on every fold"]
    assert read_joined(PLAN, store.folder) == []
    assert len(leaderboard(campaign, HEAD, store.folder).standings) == 10


def test_folds_of_which_one_was_tested_again_are_shown_until_they_are_joined_again(store, data):
    campaign = searched(store)
    judge_cross_validations(campaign, store, pytest.fail)
    study = campaign.studies["hv_from_ds.random-cv1.gear"]
    again = dataclasses.replace(study.finished[-1], test_evaluations=campaign.begin_evaluation(study.name))
    campaign.finish_study(again)
    assert {row.split for row in leaderboard(campaign, HEAD, store.folder).standings} == set(FOLDS)
    judge_cross_validations(campaign, store, pytest.fail)
    assert {row.split for row in leaderboard(campaign, HEAD, store.folder).standings} == {"random-cv"}


def test_models_of_all_folds_count_alike(store, data):
    campaign = searched(store)
    blended(campaign, store, 0)
    judge_cross_validations(campaign, store, pytest.fail)
    champion = read_joined(PLAN, store.folder)[-1]
    tested, taken = joined_shares(campaign, champion.parts)
    assert [share for _, share in tested] == [0.75, 0.25, 1, 1, 1, 1]
    assert [(trial.study, trial.number) for trial, _ in tested] == [(trial.study, trial.number) for trial, _ in taken]
    assert [trial.study for trial, _ in tested][-1] == "hv_from_ds.random-cv5.stl"


def test_mlflow_has_a_study_without_trials_for_each(store, data):
    campaign = searched(store)
    judge_cross_validations(campaign, store, pytest.fail)
    started, ended, *_ = final_records(PLAN, HEAD["data"], store.folder, ())
    assert isinstance(started, StudyStarted)
    assert isinstance(ended, StudyResult)
    assert (started.name, started.tags["split"], started.tags["method"]) == (f"{PLACE}.gear", "random-cv", "gear")
    assert started.tags["split_hash"] == read_joined(PLAN, store.folder)[0].split_hash
    assert (ended.tests, ended.tags["parts"]) == (5, "gear, gear, gear, gear, gear")
    assert ended.metrics["test_rmse_units"] == pytest.approx(1.0)
    assert ended.metrics["winner_validation_rmse"] == pytest.approx(0.3)


def test_they_are_known_by_name_in_python(store, data):
    campaign = searched(store)
    judge_cross_validations(campaign, store, pytest.fail)
    result = CampaignResult(campaign, HEAD, store.folder, "done")
    assert len(result.predictions(f"{PLACE}.champion")) == N
    assert result.champions() == {("hv_from_ds", "random-cv"): f"{PLACE}.champion"}
    with pytest.raises(UnknownNameError, match=rf"unknown exported model .*; known: {PLACE}.gear, {PLACE}.stl"):
        result.predictor("hv_from_ds.random-cv1.gear")


def test_references_of_the_folds_are_joined_only_if_all_are_there(store, data):
    campaign = searched(store)
    for fold in range(4):
        store.write_predictions(reference_predictions_name("hv_from_ds", FOLDS[fold], "svr"), predicted("stl", fold))
    judge_cross_validations(campaign, store, pytest.fail)
    assert read_references(campaign, store.folder) == []


def test_damage_is_one_line(store, data):
    campaign, said = searched(store), []
    (store.folder / "predictions/hv_from_ds.random-cv3.stl.parquet").write_text("torn")
    judge_cross_validations(campaign, store, said.append)
    (line,) = said
    assert "the folds are not joined: the predictions in" in line
    assert "random-cv3.stl.parquet cannot be read" in line
    (store.folder / cross_validation_file("hv_from_ds", "random-cv")).write_text(json.dumps([{"pair": "x"}]))
    with pytest.raises(StorageError, match="holds no results"):
        read_joined(PLAN, store.folder)


def test_a_method_of_the_name_is_refused_where_folds_are_joined():
    with pytest.raises(InputDataError, match="cannot be named champion with a cross-validation"):
        small_plan(splits=FOLDS, methods=("gear", f"{CHAMPION}=mine:Method"))
    assert Campaign(small_plan(methods=("gear", f"{CHAMPION}=mine:Method"))).studies
