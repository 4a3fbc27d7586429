"""What can break breaks, on a Ray of several nodes: the budget is met, no trial is lost, repeated or left running."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from ray.cluster_utils import Cluster

from gear.errors import StorageError
from search.campaign.events import AttemptLost, EpochReported, TrialAsked, TrialEnded
from search.results.mlflow_records import MlflowRecords, history
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support import fake_training
from tests.support.drive import drive
from tests.support.driver_checks import check_survived, count_lines, ends_of, events_of, start, wait_for
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder

pytestmark = [pytest.mark.ray, pytest.mark.faults]
NOTICED_IN_SECONDS = {"period_ms": 500, "failure_threshold": 3, "initial_delay_ms": 1000}  # of the loss of a node


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head without CPUs and two nodes of one CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        for name, value in NOTICED_IN_SECONDS.items():
            patch.setenv(f"RAY_health_check_{name}", str(value))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def folder(tmp_path):
    return LocalPath(tmp_path / "c")


def losses(events):
    return [event for event in events if isinstance(event, AttemptLost)]


def most_at_once(events):
    """Trials that have reported an epoch and not ended, at most."""
    running, most = set(), 0
    for event in events:
        if isinstance(event, EpochReported):
            running.add((event.study, event.number))
        if isinstance(event, TrialEnded):
            running.discard((event.study, event.number))
        most = max(most, len(running))
    return most


def test_a_lost_node_costs_no_trial(folder, nodes):
    driver = start(folder, 4, nodes.address)
    wait_for(lambda: count_lines(folder, "EpochReported") >= 6, driver)
    nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
    nodes.add_node(num_cpus=1)
    assert driver.wait(240) == 0
    events = check_survived(folder, fake_training.small_plan(trials=4))
    assert {end.state for end in ends_of(events)} == {"complete", "pruned"}
    assert len(losses(events)) >= 1


def test_a_node_that_is_drained_before_it_goes_costs_no_trial(folder, nodes):
    """As a cloud does with a spot node."""
    driver = start(folder, 4, nodes.address)
    wait_for(lambda: count_lines(folder, "EpochReported") >= 6, driver)
    leaving = next(iter(nodes.worker_nodes))
    drained = ["drain-node", "--address", nodes.address, "--node-id", leaving.node_id]
    why = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot", "--deadline-remaining-seconds", "2"]
    subprocess.run([Path(sys.executable).with_name("ray"), *drained, *why], check=True, capture_output=True)
    time.sleep(2)
    nodes.remove_node(leaving, allow_graceful=False)
    nodes.add_node(num_cpus=1)
    assert driver.wait(240) == 0
    events = check_survived(folder, fake_training.small_plan(trials=4))
    assert {end.state for end in ends_of(events)} <= {"complete", "pruned"}


def test_a_node_that_joins_is_used_at_once(folder, nodes):
    """Though its trials are shorter than the start of a worker."""
    leaving = next(iter(nodes.worker_nodes))
    nodes.remove_node(leaving)
    driver = start(folder, 16, nodes.address)
    wait_for(lambda: count_lines(folder, "TrialEnded") >= 3, driver)
    nodes.add_node(num_cpus=1)
    joined_after = len(events_of(folder))
    assert driver.wait(240) == 0
    events = check_survived(folder, fake_training.small_plan(trials=16))
    assert most_at_once(events[:joined_after]) == 1
    assert most_at_once(events[joined_after:]) == 2


def test_a_killed_driver_loses_and_repeats_no_finished_trial(folder, nodes):
    for trials_ended in (2, 5):
        driver = start(folder, 8, nodes.address)
        wait_for(lambda enough=trials_ended: count_lines(folder, "TrialEnded") >= enough, driver)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    before = ends_of(events_of(folder))
    drive(folder, fake_training.FakeRun, fake_training.small_plan(), address=nodes.address)
    events = check_survived(folder, fake_training.small_plan(), before)
    ended = {(end.study, end.number) for end in before}
    asked_after = events[events.index(before[-1]) :]
    assert not {(e.study, e.number) for e in asked_after if isinstance(e, TrialAsked)} & ended


@pytest.mark.slow
def test_a_driver_killed_at_ten_random_moments_is_resumed_each_time(folder, nodes):
    before = []
    for moment in random.Random(0).sample(range(20, 120), 10):
        driver = start(folder, 30, nodes.address)
        time.sleep(moment / 10)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        if folder.exists():
            ends = ends_of(events_of(folder))
            assert ends[: len(before)] == before
            before = ends
    drive(folder, fake_training.FakeRun, fake_training.small_plan(trials=30), address=nodes.address)
    check_survived(folder, fake_training.small_plan(trials=30), before)


def test_a_second_driver_is_refused_and_the_first_goes_on(folder, nodes):
    driver = start(folder, 2, nodes.address)
    wait_for(lambda: count_lines(folder, "EpochReported") >= 1, driver)
    with pytest.raises(StorageError, match=f"in use by process {driver.pid}"):
        CampaignStore.resume(folder)
    assert driver.wait(60) == 0
    check_survived(folder, fake_training.small_plan(trials=2))


def test_a_trial_that_hangs_is_ended_and_goes_on_from_its_checkpoint(folder, nodes):
    plan = fake_training.small_plan(trials=2, methods=["stl"], grace_period=8, epoch_timeout=2.0)
    drive(folder, fake_training.HangingRun, plan, address=nodes.address)
    events = check_survived(folder, plan)
    assert [loss.reason for loss in losses(events)] == ["no epoch within 2 s; where it hung:"] * 2
    assert "in fail" in next(folder.path.glob("checkpoints/*/0000/attempt-0/error.txt")).read_text()


def test_a_trial_that_always_crashes_fails_and_is_replaced(folder, nodes):
    plan = fake_training.small_plan(trials=4, methods=["stl"], replacements=1, attempts=2)
    drive(folder, fake_training.CrashingRun, plan, address=nodes.address)
    events = check_survived(folder, plan)
    failed = [end for end in ends_of(events) if end.state == "failed"]
    assert failed
    assert all("2 workers died while they trained it" in end.reason for end in failed)
    assert len(losses(events)) == 2 * len(failed)


def renew(nodes, count):
    """Other nodes in the place of those of the cluster."""
    for node in list(nodes.worker_nodes):
        nodes.remove_node(node)
    for _ in range(count):
        nodes.add_node(num_cpus=1)


@pytest.fixture
def low_on_memory(nodes):
    """One node, where Ray ends workers once this machine has two gigabytes less than now."""
    full = (get_used_memory() + 2**31) / get_system_memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_memory_usage_threshold", f"{full:.3f}")
        renew(nodes, 1)
    yield
    renew(nodes, 2)


@pytest.mark.slow
def test_a_worker_that_ray_ends_before_its_node_runs_out_of_memory_costs_no_trial(folder, nodes, low_on_memory):
    """Slow, since it takes the memory of the machine that others may need."""
    plan = fake_training.small_plan(trials=2, methods=["stl"], grace_period=8)
    drive(folder, fake_training.HungryRun, plan, address=nodes.address)
    events = check_survived(folder, plan)
    assert {end.state for end in ends_of(events)} <= {"complete", "pruned"}
    assert losses(events)
    assert all("memory" in loss.reason for loss in losses(events))


def test_storage_that_is_away_for_a_while_is_waited_for(folder, nodes):
    driver = start(folder, 4, nodes.address)
    wait_for(lambda: count_lines(folder, "EpochReported") >= 3, driver)
    away = folder.path.rename(folder.path.with_name("away"))
    folder.path.touch()
    time.sleep(4)
    folder.path.unlink()
    away.rename(folder.path)
    assert driver.wait(240) == 0
    events = check_survived(folder, fake_training.small_plan(trials=4))
    assert {end.state for end in ends_of(events)} == {"complete", "pruned"}


class Away:
    """A client of a tracking server that goes away for good."""

    def __init__(self, client):
        self.client, self.away = client, False

    def __getattr__(self, name):
        if self.away:
            raise MlflowException("server away")
        return getattr(self.client, name)


def test_a_tracking_server_that_is_away_for_the_whole_run_costs_the_search_nothing(folder, nodes, tmp_path, caplog):
    uri, plan = f"sqlite:///{tmp_path}/mlflow.db", fake_training.small_plan(trials=4)
    client = Away(open_client(uri, create=True))
    recorder = Recorder(uri, CampaignIdentity("test"), client=client)
    client.away = True
    hashes = {"hv_from_ds.random": {}}
    recorder.start(lambda: history(plan, hashes, folder))
    feed = MlflowRecords(recorder, plan, hashes)
    drive(folder, fake_training.FakeRun, plan, address=nodes.address, listeners=[feed])
    recorder.close(timeout=0.5)
    check_survived(folder, plan)
    assert "gear-search record test completes the record" in caplog.text
