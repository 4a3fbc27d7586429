"""MLflow can be imported whatever the environment lacks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_mlflow_is_imported_for_a_user_without_a_home_folder():
    """As in a container that runs under a number that the system does not know."""
    stranger = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]
    if shutil.which("unshare") is None or subprocess.run([*stranger, "true"], capture_output=True).returncode:
        pytest.skip("needs user namespaces")
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    environment["PYTHONPATH"] = str(ROOT)
    command = [*stranger, sys.executable, "-c", "import tracking.mlflow_api, os; print(os.environ.get('HOME'))"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
