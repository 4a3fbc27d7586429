"""A search from Python, as a notebook does it."""

import subprocess
import sys

import pytest

import search
from gear.errors import InputDataError, StorageError
from search.runtime import resources


@pytest.mark.ray
def test_a_campaign_is_run_read_and_resumed_without_a_command_line(uri, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    monkeypatch.setattr("sys.argv", ["notebook", "--not-a-flag-of-ours"])
    lines = []
    options = search.LaunchOptions(str(tmp_path / "campaigns"), uri)
    display = search.PlainDisplay(lines.append)
    plan = search.make_plan(["ef_from_hv"], ["random-n30"], ["stl"], name="mine", epochs=1, trials=1)

    result = search.run_campaign(plan, options, display)
    assert result.outcome == "done"
    assert any("trial 0 complete" in line for line in lines)
    assert list(result.leaderboard().index) == ["ef_from_hv.random-n30.stl"]
    assert result.predictor("ef_from_hv.random-n30.stl").predict(["CCO", "CCN"]).shape == (2,)

    with pytest.raises(StorageError, match="mine exists"):
        search.run_campaign(plan, options, display)
    with pytest.raises(InputDataError, match="seed cannot change"):
        search.resume_campaign("mine", options, display, seed=9)
    extended = search.resume_campaign(None, options, display, trials=2)
    assert len(extended.trials()) == 2
    assert search.load_campaign("mine", options.storage).champions() == extended.champions()


def test_importing_the_package_imports_nothing_heavy():

    code = (
        "import sys, search; dir(search); print([m for m in ('torch', 'ray', 'mlflow', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
