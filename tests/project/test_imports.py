"""Importing a package changes nothing in the process, and starts no telemetry of the libraries beneath it."""

import os
import subprocess
import sys

import pytest

# libraries have effects of their own; MLflow comes with ours, in which its telemetry is off
LIBRARIES = "chemprop rdkit torch matplotlib optuna ray ray.tune rich pandas sqlalchemy"
PROBE = f"""
import importlib, logging, os, pkgutil, sys

def loggers():
    known = logging.root.manager.loggerDict.items()
    own = {{name: one.level for name, one in known if isinstance(one, logging.Logger) and one.level}}
    return {{"": logging.root.level, **own}}, list(logging.root.handlers)

for name in "{LIBRARIES}".split():
    importlib.import_module(name)
if MLFLOW_FIRST:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for name in ("mlflow", "mlflow.pyfunc", "alembic"):
        importlib.import_module(name)
    del os.environ["MLFLOW_DISABLE_TELEMETRY"]
environment, logged = dict(os.environ), loggers()
for package in ("gear", "tracking", "search"):
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        if not module.name.endswith(("__main__", "tracking.serving")):
            importlib.import_module(module.name)
changed = {{name for name in os.environ.keys() | environment if os.environ.get(name) != environment.get(name)}}
assert not changed, changed
if MLFLOW_FIRST:
    assert loggers() == logged, (loggers(), logged)
from mlflow.telemetry import get_telemetry_client
assert get_telemetry_client() is None
"""


@pytest.mark.parametrize("mlflow_first", [True, False])
def test_importing_every_module_changes_neither_environment_nor_logging_and_starts_no_telemetry(mlflow_first):
    probe = PROBE.replace("MLFLOW_FIRST", str(mlflow_first))
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # MLflow reports none in CI
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=300, env=bare)
    assert done.returncode == 0, done.stderr


def test_importing_the_packages_imports_no_large_library():
    large = "{'torch', 'mlflow', 'ray', 'optuna', 'pyarrow', 'pandas'}"
    probe = f"import gear, search, tracking, sys; assert not {large} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)
