"""Costs of whole process trees, measured in a process of their own, whose descendants all are of the tree."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
MEASURE = """
import json, sys
from pathlib import Path
import process_tree
process_tree.SAMPLE, process_tree.MEMORY_EVERY = 0.05, 1
folder = Path(sys.argv[1])
cost = process_tree.measured(
    [sys.executable, "-c", sys.argv[3]], timeout=float(sys.argv[2]), log=folder / "log", folder=folder,
    environment={"WORD": "heard"},
)
print(json.dumps(cost))
"""
# leaves the process group and its parent, as a daemon does, and works on
DAEMON = """
import os, pathlib, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    held = b"x" * 2**26
    while time.process_time() < 0.2:
        pass
    pathlib.Path("pid.part").write_text(str(os.getpid()))
    os.rename("pid.part", "pid")
    time.sleep(600)
os.wait()
while not os.path.exists("pid"):
    time.sleep(0.01)
"""


@pytest.fixture
def measured(tmp_path):
    """The cost of a Python program as a dict, and what it printed."""

    def run(program, timeout=60.0):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, tmp_path, str(timeout), program],
            env=os.environ | {"PYTHONPATH": str(BENCHMARKS)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return dict(zip(("seconds", "cpu", "peak", "code"), json.loads(done.stdout), strict=True)), tmp_path / "log"

    return run


def test_a_daemon_counts_and_is_ended(measured, tmp_path):
    cost, _ = measured(DAEMON)
    assert cost["code"] == 0
    assert 0.2 <= cost["cpu"] < 2
    assert 64 <= cost["peak"] < 640
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_process_that_its_parent_does_not_wait_for_counts(measured):
    program = "import signal, subprocess, sys, time; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    busy = "import time\\nwhile time.process_time() < 0.2: pass"
    cost, _ = measured(program + f"subprocess.Popen([sys.executable, '-c', '{busy}']).wait()")
    assert cost["cpu"] >= 0.15


def test_what_outlasts_its_time_is_ended(measured):
    began = time.monotonic()
    cost, log = measured("import os, time; print(os.environ['WORD'], flush=True); time.sleep(600)", timeout=1.0)
    assert cost["code"] is None
    assert 1 <= cost["seconds"] <= time.monotonic() - began < 60
    assert log.read_text() == "heard\n"


def test_what_runs_is_ended_with_the_measurement(tmp_path):
    measure = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n{MEASURE}"
    program = DAEMON + "time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", measure, tmp_path, "60", program], env=os.environ | {"PYTHONPATH": str(BENCHMARKS)}
    ) as process:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        process.terminate()
        assert process.wait(60) == 5
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_the_exit_code_is_the_commands(measured):
    cost, _ = measured("raise SystemExit(3)")
    assert cost["code"] == 3


def test_costs_add_up_and_what_failed_stays_so():
    from process_tree import Cost

    total = Cost(2.0, 1.5, 300.0, 0) + Cost(3.0, 1.0, 200.0, 0)
    assert total == Cost(5.0, 2.5, 300.0, 0)
    assert (Cost(2.0, 1.5, 300.0, None) + total).code is None
    assert (total + Cost(2.0, 1.5, 300.0, 1)).code == 1
