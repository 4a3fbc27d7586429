"""The state of a campaign, from its folder: `python -m search.cli.status NAME`. It only reads."""

import argparse
import datetime
import sys
import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from gear.errors import user_command
from search.cli.common_options import add_campaign, campaign_folder
from search.cli.console import make_console
from search.cli.leaderboard import print_leaderboard
from search.cli.progress import campaign_table, time_left
from search.launch.commands import resume_command
from search.launch.durations import duration
from search.results.winners import leaderboard
from search.storage.base import StoragePath
from search.storage.snapshot import Snapshot, take_snapshot

__all__ = ["main"]

REFRESH_SECONDS = 2.0


@user_command
def main() -> int:
    """Print the state of a campaign, once or until it is finished."""
    args, console = _parse(), make_console()
    folder = campaign_folder(args)
    snapshot = take_snapshot(folder)
    try:
        if args.watch:
            snapshot = _watched(folder, snapshot, console)
    except KeyboardInterrupt:
        return 0
    console.print(_driver(folder, snapshot), soft_wrap=True)
    console.print(_table(snapshot))
    if snapshot.campaign.done:
        print_leaderboard(console, leaderboard(snapshot.campaign, snapshot.head, folder))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m search.cli.status", description="Show how a campaign stands.")
    add_campaign(parser)
    parser.add_argument("--watch", action="store_true", help="refresh until it is finished")
    return parser.parse_args()


def _watched(folder: StoragePath, snapshot: Snapshot, console: Console) -> Snapshot:
    """Show the campaign until it has ended."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not snapshot.over:
            view = Group(_driver(folder, snapshot), _table(snapshot, console.height))
            live.update(view, refresh=True)
            time.sleep(REFRESH_SECONDS)
            snapshot = take_snapshot(folder)
    return snapshot


def _table(snapshot: Snapshot, height: int | None = None) -> Table:
    campaign = snapshot.campaign
    trials = [trial for study in campaign.studies.values() for trial in study.trials]
    running = sum(trial.state == "running" for trial in trials)
    note = f"{duration(sum(trial.seconds for trial in trials))} of trials so far"
    if not campaign.done and snapshot.driven:
        note += f", {time_left(campaign, running)} left"
    headline = f"{running} {'running' if snapshot.driven else 'interrupted'}"
    return campaign_table(campaign, headline, note, height)


def _driver(folder: StoragePath, snapshot: Snapshot) -> str:
    """Which process runs the campaign, or how to resume it."""
    holder, now = snapshot.holder, time.time()
    resume = resume_command(folder.name, folder.parent)
    if holder is None:
        return "finished" if snapshot.campaign.done else f"no process runs it; resume it with: {resume}"
    who = f"process {holder.pid} on {holder.host}"
    if not holder.alive:
        return f"its driver, {who}, was last heard of {duration(now - holder.heartbeat)} ago; resume it with: {resume}"
    since = datetime.datetime.fromtimestamp(holder.since).astimezone().isoformat(" ", "seconds")
    return f"run by {who} since {since}, {duration(now - holder.since)}"


if __name__ == "__main__":
    sys.exit(main())
