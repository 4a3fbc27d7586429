"""Drivers that tests can kill, and what must be true of a campaign whatever happened to it."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from search.campaign.campaign import Campaign
from search.campaign.events import EpochReported, TrialAsked, TrialEnded
from search.storage.campaign_store import read_events

ROOT = Path(__file__).parents[2]


def events_of(folder):
    return list(read_events(folder))


def ends_of(events):
    return [event for event in events if isinstance(event, TrialEnded)]


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


def check_survived(folder, plan, before=()):
    """The budget is met exactly, every trial ended once, and what had ended before is as it was."""
    events = events_of(folder)
    campaign, ends = Campaign(plan, events=events), ends_of(events)
    assert campaign.done
    assert ends[: len(before)] == list(before)
    assert set(Counter((end.study, end.number) for end in ends).values()) == {1}
    for study in campaign.studies.values():
        assert len(study.searched) == study.planned
        assert study.best is None or (folder / study.best.checkpoint).exists()
    check_trials_are_whole(events)
    return events


def start(folder, trials=8, *address):
    """A driver of slow trials in a process of its own, on a folder that anything names."""
    command = [sys.executable, "-m", "tests.support.drive", str(folder), "SlowRun", str(trials), *address]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def count_lines(folder, event):
    return sum(file.read_text().count(event) for file in (folder / "events").glob("*.jsonl"))


def wait_for(condition, driver, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, f"the driver ended by itself with {driver.returncode}"
        assert time.monotonic() < deadline, "the driver did not get there"
        time.sleep(0.1)
