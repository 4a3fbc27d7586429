"""The benchmark in two sizes of one definition, in pieces."""

import signal
import subprocess
import sys

import pytest
import run_benchmark
from run_benchmark import SEEDS, commands

from search.cli.run_options import make_parser, new_plan
from search.plan.presets import PRESETS

TARGETS = ["hv", "ct", "vp", "fp", "vs", "st", "dk", "ef", "ri", "bp", "pol"]


def plans(size):
    return [new_plan(make_parser().parse_args(flags), gpu=False)[0] for flags in commands(size, [1], [])]


def test_both_sizes_are_one_definition():
    small, large = plans("cpu"), plans("gpu")
    for part in ("benchmark", "benchmark-all"):
        preset = PRESETS[part]
        for plan_of_size in (small, large):
            mine = [plan for plan in plan_of_size if plan.preset == part]
            pairs = [pair for plan in mine for pair in plan.pairs]
            assert sorted(pair.id for pair in pairs) == sorted(pair.id for pair in preset.pairs)
            for plan in mine:
                assert (plan.splits, plan.methods) == (preset.splits, preset.methods)
                assert (plan.search.split_seed, plan.search.final) == (1, "blend")
    assert [plan.search.trials for plan in large] == [16, 16]
    assert [plan.search.gpus_per_trial for plan in large] == [0.25, 0.25]
    assert [plan.search.finalists for plan in large] == [2, 2]  # fresh seeds decide
    assert {plan.search.trials for plan in small} == {3}
    assert {plan.search.gpus_per_trial for plan in small} == {0.0}
    assert [plan.name for plan in small] == [
        *(f"benchmark-{target}-cpu-1" for target in TARGETS),
        "benchmark-all-cpu-1",
    ]
    assert 0 not in {*SEEDS["cpu"], *SEEDS["gpu"]}  # defaults were developed on it


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The script, and the searches that it starts; each is said to end with a code."""
    started = []

    def script(*words, codes=()):
        left = iter(codes)

        def start(flags, time_left):
            started.append(flags)
            return next(left, 0)

        monkeypatch.setattr(run_benchmark, "search", start)
        monkeypatch.setattr("sys.argv", ["run_benchmark.py", "--storage", str(tmp_path), *words])
        return run_benchmark.main(), started

    return script


def test_parts_and_seeds_follow_each_other(run):
    code, started = run("gpu", "--seeds", "1", "2", "--", "--address", "auto")
    names = [command[command.index("--name") + 1] for command in started]
    assert code == 0
    assert names == ["benchmark-gpu-1", "benchmark-all-gpu-1", "benchmark-gpu-2", "benchmark-all-gpu-2"]
    assert all(command[-2:] == ["--address", "auto"] for command in started)
    assert all("--or-resume" in command for command in started)


def test_a_search_that_fails_ends_it(run):
    code, started = run("cpu", codes=[2])
    assert (code, len(started)) == (2, 1)


def test_nothing_is_started_after_the_time(run, monkeypatch):
    clock = iter([0.0, 0.0, 50.0, 200.0])
    monkeypatch.setattr("run_benchmark.time.monotonic", lambda: next(clock, 200.0))
    code, started = run("cpu", "--time-budget", "100s", codes=[1])
    assert (code, len(started)) == (1, 1)  # it failed before the time was over
    clock = iter([0.0, 0.0, 200.0])
    started.clear()
    code, started = run("cpu", "--time-budget", "100s", codes=[130])  # stopped
    assert (code, len(started)) == (0, 1)


def test_a_search_is_stopped_after_its_time(monkeypatch):
    popen, before = subprocess.Popen, signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(subprocess, "Popen", lambda command: popen([sys.executable, "-c", command[-1]]))
    monkeypatch.setattr(run_benchmark, "PATIENCE", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(2); signal.signal(15, 0)"
    assert run_benchmark.search(["import time; time.sleep(60)"], 0.5) == -signal.SIGTERM
    assert run_benchmark.search([f"{deaf}; time.sleep(60)"], 1.0) == -signal.SIGTERM  # not at the first time
    assert run_benchmark.search(["raise SystemExit(3)"], None) == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_is_delivered_is_left_alone(run, monkeypatch):
    monkeypatch.setattr(run_benchmark, "is_delivered", lambda folder: folder.name == "benchmark-gpu-1")
    _, started = run("gpu", "--seeds", "1")
    assert [command[command.index("--name") + 1] for command in started] == ["benchmark-all-gpu-1"]
