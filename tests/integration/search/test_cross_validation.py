"""A cross-validation of a small file of a user's own, from the command to a prediction and the report."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gear.predict import load_predictor
from tests.support.real_campaign import own_tables

ROOT = Path(__file__).parents[3]
SMALL = "--splits random-cv --methods svr gp --trials 1 --validation-folds 2 --final blend --name mine".split()


@pytest.fixture(scope="module")
def run(template, tmp_path_factory):
    """Runs commands in a folder where a search has ended; gives what they print."""
    folder = tmp_path_factory.mktemp("cross_validation")
    shutil.copy(template, folder / "mlflow.db")

    def called(module, *arguments):
        command = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    called.folder = folder
    called.shown = called("search.run", *own_tables(folder), *SMALL)
    return called


@pytest.mark.ray
def test_results_over_all_folds_are_shown_and_their_model_is_the_mean_of_all_folds(run):
    shown = run.shown
    assert "not registered" not in shown
    assert "tg_from_tm.random-cv.svr" in shown
    assert "tg_from_tm.random-cv: untuned SVR" in shown
    exports = run.folder / "campaigns/mine/exports"
    assert {".random-cv." in path.name for path in exports.iterdir()} == {True}
    info = json.loads((exports / "tg_from_tm.random-cv.svr/config.json").read_text())
    assert [member["split"] for member in info["members"]] == [f"random-cv{k}" for k in range(1, 6) for _ in range(2)]
    assert {round(member["weight"], 9) for member in info["members"]} == {0.1}
    assert 0 < load_predictor(exports / "tg_from_tm.random-cv.svr").predict(["CCO"])[0] < 1000


@pytest.mark.ray
def test_the_champion_is_registered_recorded_and_reported(run):
    name = "gear.tg_from_tm.random-cv"
    assert name in run("search.cli.main", "models")
    run("search.cli.main", "export", "--pair", "tg_from_tm", "--split", "random-cv", "--to", "model")
    card = (run.folder / "model/README.md").read_text()
    assert "test part of\none fold" in card
    assert "folds | 5, each a search of its own" in card
    (run.folder / "mlflow.db").unlink()
    run("search.cli.main", "record", "mine")
    assert name in run("search.cli.main", "models")
    run("search.cli.main", "report")
    assert "Winners of the folds, each tested on its own part" in (run.folder / "report.html").read_text()
