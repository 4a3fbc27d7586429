"""A search of methods that are fitted at once, from the command to predictions of its exports."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
METHODS = ("svr", "gp", "boosting", "delta")
SMALL = "--pairs st_from_ri --splits random-n60 --validation-folds 2 --trials 2 --epochs 30 --name fitted".split()


def run(folder, *words):
    """A command in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.ray
def test_a_search_of_classical_methods_ends_in_exports_that_predict(tmp_path):
    done = run(tmp_path, "-m", "search.run", "--methods", *METHODS, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "not registered" not in done.stdout
    assert "svr: learns from at most 4,000 labels" in done.stdout
    assert done.stdout.count("complete (fitted at once)") == 2 * len(METHODS)
    (tmp_path / "molecules.csv").write_text("smiles\nCCO\nc1ccccc1\n")
    for method in METHODS:
        export = tmp_path / f"campaigns/fitted/exports/st_from_ri.random-n60.{method}"
        done = run(tmp_path, "-m", "gear.predict", str(export), "molecules.csv", "--out", f"{method}.csv")
        assert done.returncode == 0, done.stderr
        found = [float(row["prediction"]) for row in csv.DictReader((tmp_path / f"{method}.csv").open())]
        assert all(0 < value < 100 for value in found)  # mN/m
