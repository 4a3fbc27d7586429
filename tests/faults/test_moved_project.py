"""A project folder, its database and artifacts included, that was moved or copied goes on where it lies."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.faults]
FINISHED = Path(__file__).parents[1] / "campaigns" / "format2"  # ef_from_hv, random: tiny models


def gear_search(folder, *flags):
    """Run a command in a folder, in a process of its own; gives its exit code and all that it printed."""
    command = [sys.executable, "-m", "search.cli.main", *flags]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def everything_in(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_project_goes_on_where_it_lies_and_what_is_gone_is_named(how, tmp_path):
    before, after = tmp_path / "ein Projekt für Öle", tmp_path / "elsewhere" / "project"
    before.mkdir()
    shutil.copytree(FINISHED, before / "campaigns/mine")
    assert gear_search(before, "run", "--resume", "--name", "mine")[0] == 0
    after.parent.mkdir()
    how(before, after)
    untouched = everything_in(before)
    taken = ["export", "--pair", "ef_from_hv", "--split", "random", "--to"]
    assert gear_search(after, *taken, "model")[0] == 0
    code, said = gear_search(after, "report")
    assert (code, "6 plots" in said, "not found" in said) == (0, True, False)
    code, said = gear_search(after, "run", "--resume", "--name", "mine")
    assert (code, "is a copy of" in said) == (0, how is shutil.copytree)
    shutil.rmtree(after / "mlartifacts")
    code, said = gear_search(after, *taken, "again")
    assert (code, "its files are not found" in said, "Traceback" in said) == (2, True, False)
    assert gear_search(after, "record", "mine")[0] == 0
    assert gear_search(after, *taken, "again")[0] == 0
    assert everything_in(before) == untouched
