"""A search of methods that are fitted at once, from the command to predictions of its exports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gear.predict import load_predictor

ROOT = Path(__file__).parents[3]
METHODS = ("svr", "boosting", "delta")
SMALL = "--pairs st_from_ri --splits random-n60 --validation-folds 2 --trials 2 --epochs 30 --name fitted".split()


@pytest.mark.ray
@pytest.mark.usefixtures("uri")
def test_a_search_of_classical_methods_ends_in_exports_that_predict(tmp_path):
    command = [sys.executable, "-m", "search.run", "--methods", *METHODS, *SMALL]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "not registered" not in done.stdout
    assert "svr: learns from at most 4,000 labels" in done.stdout
    assert done.stdout.count("complete (fitted at once)") == 2 * len(METHODS)
    for method in METHODS:
        found = load_predictor(tmp_path / f"campaigns/fitted/exports/st_from_ri.random-n60.{method}").predict(["CCO"])
        assert 0 < found[0] < 100  # mN/m
