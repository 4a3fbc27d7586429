"""The views of a campaign that another process runs, ran or has finished."""

import datetime
import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from search.cli.progress import campaign_table, time_left
from search.launch.commands import resume_command
from search.launch.durations import duration
from search.results.undelivered import undelivered
from search.storage.base import StoragePath
from search.storage.snapshot import Snapshot, take_snapshot

__all__ = ["driver_line", "status_table", "watched"]

REFRESH_SECONDS = 2.0
READING_SHARE = 0.1  # of the time, for a campaign whose events take long to read


def watched(folder: StoragePath, snapshot: Snapshot, console: Console) -> Snapshot:
    """Show the campaign until it has ended."""
    took = 0.0  # seconds of reading it
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not snapshot.over:
            view = Group(driver_line(folder, snapshot), status_table(snapshot, console.height))
            live.update(view, refresh=True)
            time.sleep(max(REFRESH_SECONDS, took / READING_SHARE))
            start = time.perf_counter()
            snapshot = take_snapshot(folder)
            took = time.perf_counter() - start
    return snapshot


def status_table(snapshot: Snapshot, height: int | None = None) -> Table:
    """The studies of a campaign, as many as fit in `height` lines."""
    campaign = snapshot.campaign
    trials = [trial for study in campaign.studies.values() for trial in study.trials]
    running = sum(trial.state == "running" for trial in trials)
    note = f"{duration(sum(trial.seconds for trial in trials))} of trials so far"
    if not campaign.done and snapshot.driven:
        note += f", {time_left(campaign, running)} left"
    headline = f"{running} {'running' if snapshot.driven else 'interrupted'}"
    return campaign_table(campaign, headline, note, height)


def driver_line(folder: StoragePath, snapshot: Snapshot) -> str:
    """Which process runs the campaign, or how to resume it."""
    holder = snapshot.holder
    resume = resume_command(folder.name, folder.parent)
    if holder is None:
        if not snapshot.campaign.done:
            return f"no process runs it; resume it with: {resume}"
        missing = undelivered(snapshot.campaign, snapshot.head, folder)
        return f"no process runs it, and {missing}; resume it with: {resume}" if missing else "finished"
    if not holder.alive:
        return f"its driver, {holder}, was last heard of {duration(holder.age)} ago; resume it with: {resume}"
    since = datetime.datetime.fromtimestamp(holder.since).astimezone().isoformat(" ", "seconds")
    return f"run by {holder} since {since}, {duration(holder.drove + holder.age)}"
