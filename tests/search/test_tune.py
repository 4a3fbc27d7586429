"""The campaign through Tune on a real local Ray, with fake training: crashes of workers and of the driver."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from gear.errors import GearError
from search import cluster
from search.events import AttemptLost, EpochReported, TrialAsked, TrialEnded
from search.store import CampaignStore
from tests.search import fakes
from tests.search.drive import drive

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parents[2]
STUDIES = ("hv_from_ds.random.gear", "hv_from_ds.random.stl")


@pytest.fixture(autouse=True)
def two_cpus(monkeypatch):
    monkeypatch.setattr(cluster, "machine_cpus", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def events_of(folder):
    with CampaignStore.resume(folder) as store:
        return list(store.events())


def ends_of(events):
    return [event for event in events if isinstance(event, TrialEnded)]


def test_a_campaign_runs_to_its_budget_and_leaves_only_what_counts(tmp_path):
    campaign, outcome = drive(tmp_path / "c", fakes.FakeRun, fakes.small_plan(trials=6))
    assert outcome == "done"
    ends = ends_of(events_of(tmp_path / "c"))
    assert Counter(end.study for end in ends) == dict.fromkeys(STUDIES, 6)
    assert {end.state for end in ends} == {"complete", "pruned"}
    best = {str(tmp_path / "c" / study.best.checkpoint) for study in campaign.studies.values()}
    assert {str(path) for path in tmp_path.glob("c/checkpoints/*/*/attempt-*/epoch-*")} == best
    assert not (tmp_path / "c" / "tune").exists()


def test_a_trial_whose_worker_dies_goes_on_from_its_checkpoint(tmp_path):
    _, outcome = drive(tmp_path / "c", fakes.DyingRun, fakes.small_plan(trials=2, methods=["stl"], grace_period=9))
    events = events_of(tmp_path / "c")
    assert outcome == "done"
    assert [end.state for end in ends_of(events)] == ["complete"] * 2
    assert sum(isinstance(event, AttemptLost) for event in events) == 2
    again = [event for event in events if isinstance(event, TrialAsked) and event.attempt == 1]
    assert {event.checkpoint.rpartition("/")[2] for event in again} == {"epoch-4"}
    for number in (0, 1):
        epochs = [event.epoch for event in events if isinstance(event, EpochReported) and event.number == number]
        assert epochs == list(range(1, 10))


def test_an_error_of_training_ends_the_trial_and_it_is_replaced_within_the_limit(tmp_path):
    plan = fakes.small_plan(trials=2, methods=["stl"], replacements=1)
    _, outcome = drive(tmp_path / "c", fakes.BrokenRun, plan)
    assert outcome == "done"
    assert [end.reason for end in ends_of(events_of(tmp_path / "c"))] == ["RuntimeError: CUDA out of memory"] * 3


def test_a_time_budget_ends_the_launch_and_the_campaign_can_go_on(tmp_path):
    plan = fakes.small_plan(trials=4, methods=["stl"], epochs=20, grace_period=19)
    _, outcome = drive(tmp_path / "c", fakes.SlowRun, plan, time_budget=3)
    assert outcome == "out of time"
    assert len(ends_of(events_of(tmp_path / "c"))) < 4
    _, outcome = drive(tmp_path / "c", fakes.FakeRun, plan)
    assert outcome == "done"
    assert len(ends_of(events_of(tmp_path / "c"))) == 4


def test_a_folder_that_fails_stops_the_search_with_its_error(tmp_path, monkeypatch):
    def refuse(self, *events):
        raise GearError("disk full")

    monkeypatch.setattr(CampaignStore, "append", refuse)
    with pytest.raises(GearError, match="disk full"):
        drive(tmp_path / "c", fakes.FakeRun, fakes.small_plan(trials=2))


def test_a_killed_driver_loses_and_repeats_no_finished_trial(tmp_path):
    folder = tmp_path / "c"
    for trials_ended in (2, 5):
        driver = start(folder)
        wait_for(lambda enough=trials_ended: count_lines(folder, "TrialEnded") >= enough, driver)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    before = ends_of(events_of(folder))
    _, outcome = drive(folder, fakes.FakeRun, fakes.small_plan())
    events = events_of(folder)
    assert outcome == "done"
    assert ends_of(events)[: len(before)] == before
    assert Counter(end.study for end in ends_of(events)) == dict.fromkeys(STUDIES, 8)
    ended = {(end.study, end.number) for end in before}
    asked_after = events[events.index(before[-1]) :]
    assert not {(e.study, e.number) for e in asked_after if isinstance(e, TrialAsked)} & ended
    check_trials_are_whole(events)


def check_trials_are_whole(events):
    """One configuration a trial, no gap in its epochs, and a repeated epoch says the same."""
    for key in {(event.study, event.number) for event in events}:
        own = [event for event in events if (event.study, event.number) == key]
        configs = [event.config for event in own if isinstance(event, TrialAsked)]
        assert all(config == configs[0] for config in configs)
        seen = {}
        for event in own:
            if isinstance(event, EpochReported):
                assert event.epoch <= max(seen, default=0) + 1
                assert seen.setdefault(event.epoch, event.metrics) == event.metrics


def test_ctrl_c_ends_cleanly_and_leaves_running_trials_to_be_resumed(tmp_path):
    driver = start(tmp_path / "c")
    wait_for(lambda: count_lines(tmp_path / "c", "EpochReported") >= 2, driver)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(60) == 130
    assert "interrupted" in driver.stdout.read()
    asked = {(e.study, e.number) for e in events_of(tmp_path / "c") if isinstance(e, TrialAsked)}
    ended = {(e.study, e.number) for e in ends_of(events_of(tmp_path / "c"))}
    assert asked - ended


def start(folder):
    command = [sys.executable, "-m", "tests.search.drive", str(folder), "SlowRun", "8"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def count_lines(folder, event):
    return sum(path.read_text().count(event) for path in folder.glob("events/*.jsonl"))


def wait_for(condition, driver, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, f"the driver ended by itself with {driver.returncode}"
        assert time.monotonic() < deadline, "the driver did not get there"
        time.sleep(0.1)


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of a head without CPUs and two nodes of one CPU, whose loss is noticed in seconds."""
    for name, value in {"period_ms": 500, "failure_threshold": 3, "initial_delay_ms": 1000}.items():
        monkeypatch.setenv(f"RAY_health_check_{name}", str(value))
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    workers = [nodes.add_node(num_cpus=1) for _ in range(2)]
    yield nodes, workers
    nodes.shutdown()


def test_a_lost_node_costs_no_trial(tmp_path, two_nodes):
    nodes, workers = two_nodes
    folder = tmp_path / "c"

    def lose_a_node():
        while count_lines(folder, "EpochReported") < 6:
            time.sleep(0.1)
        nodes.remove_node(workers[1], allow_graceful=False)

    killer = threading.Thread(target=lose_a_node, daemon=True)
    killer.start()
    plan = fakes.small_plan(trials=4, methods=["stl"], epochs=12, grace_period=12)
    _, outcome = drive(folder, fakes.SlowRun, plan, address=nodes.address)
    killer.join()
    events = events_of(folder)
    assert outcome == "done"
    assert [end.state for end in ends_of(events)] == ["complete"] * 4
    assert sum(isinstance(event, AttemptLost) for event in events) >= 1
    check_trials_are_whole(events)
