"""A search of a user whom the system does not know and who has no home folder, as in some containers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.faults]
ROOT = Path(__file__).parents[2]
STRANGER = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]
SEARCH = ["--pairs", "ef_from_hv", "--labels", "40", "--methods", "stl", "--splits", "random", "--trials", "1"]


def search(folder, **variables):
    if shutil.which("unshare") is None or subprocess.run([*STRANGER, "true"], capture_output=True).returncode:
        pytest.skip("needs user namespaces")
    left = ("PATH", "TMPDIR", "RAY_TMPDIR")
    environment = {name: os.environ[name] for name in left if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1", **variables}
    command = [*STRANGER, sys.executable, "-m", "search.cli.main", "run", *SEARCH, "--epochs", "2"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=550)
    return done.returncode, done.stdout + done.stderr


def test_without_a_home_folder_the_variable_is_named(tmp_path):
    code, said = search(tmp_path)
    assert (code, "set GEAR_CACHE" in said, "Traceback" in said) == (2, True, False)


def test_with_a_place_for_the_cache_it_runs_to_its_end(tmp_path):
    cache = os.environ.get("GEAR_CACHE") or str(Path.home() / ".cache/gear-search")
    code, said = search(tmp_path, GEAR_CACHE=cache)
    assert (code, "winners, chosen on validation" in said) == (0, True), said
    assert list(tmp_path.glob("campaigns/*/exports/*/config.json"))
