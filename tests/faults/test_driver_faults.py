"""Two drivers on one campaign: in another PID namespace, and after the first was stopped and continued. No Ray."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.campaign.events import EpochReported
from search.storage import lease
from search.storage.campaign_store import CampaignStore, read_events
from search.storage.local import LocalPath

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]

WRITER = """
import sys, time
from search.campaign.events import EpochReported
from search.storage import lease
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from pathlib import Path

now = time.time
time.time = lambda: now() + float(sys.argv[2])
lease.HEARTBEAT_SECONDS = 0.05
with CampaignStore.resume(LocalPath(Path(sys.argv[1]))) as store:
    print("has it", flush=True)
    for epoch in range(1_000_000):
        store.append(EpochReported("old", 0, 0, epoch, {}))
        time.sleep(0.001)
"""


def writer(folder, *before, ahead=0.0):
    """A driver that writes an epoch every millisecond, until it is refused; its clock may be wrong by some seconds."""
    command = [*before, sys.executable, "-c", WRITER, str(folder), str(ahead)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path):
    place = LocalPath(tmp_path / "c")
    CampaignStore.create(place, {"plan": {}}, "").__exit__()
    return place


def unshare():
    command = ["unshare", "--pid", "--fork", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("needs root, to make a PID namespace")
    return command


@pytest.mark.parametrize("ahead", [0.0, 91.0, -91.0, 1e6])
def test_a_driver_keeps_its_campaign_from_another_pid_namespace_whatever_the_clock_there_says(folder, ahead):
    """Both have one host name, and neither sees the processes of the other."""
    with CampaignStore.resume(folder) as store:
        outside = writer(folder, *unshare(), ahead=ahead)
        _, said = outside.communicate(timeout=120)
        assert outside.returncode == 1
        assert f"is in use by process {os.getpid()} on" in said
        store.append(EpochReported("s", 0, 0, 1, {}))
    assert len(list(read_events(folder))) == 1


def test_a_driver_that_was_stopped_and_goes_on_after_another_took_over_is_refused_or_not_heard(folder, monkeypatch):
    old = writer(folder)
    try:
        assert old.stdout.readline() == "has it\n"
        time.sleep(0.5)
        old.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(lease, "STALE_SECONDS", 0.2)
        monkeypatch.setattr(lease, "WATCH_SECONDS", 0.3)
        time.sleep(1.5)  # longer than a look at the lease is believed
        with CampaignStore.resume(folder) as store:
            before = list(store.events())
            old.send_signal(signal.SIGCONT)
            _, said = old.communicate(timeout=60)
            mine = [EpochReported("new", 0, 0, epoch, {}) for epoch in range(20)]
            for event in mine:
                store.append(event)
        assert "another driver has taken over" in said
        assert before
        assert list(read_events(folder)) == [*before, *mine]
    finally:
        old.kill()
        old.wait()
