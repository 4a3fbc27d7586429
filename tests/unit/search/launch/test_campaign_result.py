"""A campaign's folder as tables and models."""

import json
import shutil
from pathlib import Path

import pytest

from gear.errors import StorageError, UnknownNameError
from search import load_campaign
from search.campaign.leaderboard import standings

RECORDED = Path(__file__).parents[3] / "campaigns"  # ef_from_hv, random, one trial of gear and of stl, 4 epochs
GEAR, STL = "ef_from_hv.random.gear", "ef_from_hv.random.stl"


@pytest.fixture
def result():
    return load_campaign("format2", str(RECORDED))


def test_leaderboard_has_a_row_a_study(result):
    board = result.leaderboard()
    assert list(board.index) == [GEAR, STL]
    assert board.loc[STL, "validation_rmse"] == pytest.approx(1.1213, abs=1e-4)
    assert board["split_hash"].nunique() == 1
    assert board.loc[GEAR, "change_low"] <= board.loc[GEAR, "change"] <= board.loc[GEAR, "change_high"]
    assert board.loc[GEAR, "change"] == pytest.approx(board["test_rmse"][GEAR] / board["test_rmse"][STL] - 1, rel=1e-6)
    assert board.loc[STL, ["change", "change_low"]].isna().all()
    assert board["reference_change"].isna().all()  # an earlier version judged no references


def test_leaderboard_compares_with_the_references_that_the_folder_holds(result, tmp_path):
    shutil.copytree(RECORDED / "format2", tmp_path / "mine")
    standing = standings(result.campaign)[0]
    hashes = {"split_hash": standing.split_hash, "data_hash": standing.data_hash}
    (tmp_path / "mine/references").mkdir()
    found = {"scores": {"svr": {"rmse": 2 * standing.test_rmse}}, **hashes}
    (tmp_path / "mine/references/ef_from_hv.random.json").write_text(json.dumps(found))
    board = load_campaign("mine", str(tmp_path)).leaderboard()
    assert board.loc[GEAR, "reference_change"] == pytest.approx(-0.5)
    assert board["reference_change_low"].isna().all()  # no predictions of the reference


def test_trials_and_curves_hold_what_was_recorded(result):
    trials, curves = result.trials(), result.curves()
    assert list(trials["state"]) == ["complete", "complete"]
    assert (trials["epochs"] == 4).all()
    best = curves[curves["study"] == STL].set_index("epoch")["best_validation_rmse"]
    assert list(best.index) == [1, 2, 3, 4]
    assert best.is_monotonic_decreasing
    assert best[4] == pytest.approx(trials.set_index("study").loc[STL, "value"])


def test_champion_is_the_lowest_on_validation(result):
    assert result.champions() == {("ef_from_hv", "random"): STL}


def test_predictions_are_of_held_out_molecules(result):
    table = result.predictions(GEAR)
    assert set(table["part"]) == {"validation", "test"}
    assert result.name == "format2"


def test_what_is_not_there_is_named_with_what_there_is(result, tmp_path):
    with pytest.raises(UnknownNameError, match=f"unknown study 'kd'; known: {GEAR}, {STL}"):
        result.predictions("kd")
    with pytest.raises(UnknownNameError, match="unknown exported model"):  # the fixture has no exports
        result.predictor(GEAR)
    with pytest.raises(StorageError, match="no campaign in"):
        load_campaign("nothing", str(tmp_path))


def test_a_copy_elsewhere_is_read_where_it_lies(tmp_path):
    shutil.copytree(RECORDED / "format2", tmp_path / "copy")
    assert load_campaign("copy", str(tmp_path)).folder.name == "copy"
