"""A campaign seen from another terminal: `python -m search.status NAME`. Reads the campaign folder and never writes."""

import argparse
import datetime
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from gear.errors import user_command
from search.campaign import Campaign
from search.folder import DEFAULT_STORAGE, Folder, open_folder
from search.lease import Holder, read_lease
from search.plan import plan_from_dict
from search.standings import standings, units
from search.store import newest_campaign, read_campaign, read_events
from search.table import campaign_table, duration, make_console, print_leaderboard, resume_command, time_left

__all__ = ["Snapshot", "main", "take_snapshot"]

REFRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign as its folder tells it at one moment."""

    campaign: Campaign
    head: Mapping[str, Any]
    holder: Holder | None

    @property
    def driven(self) -> bool:
        """Whether a driver works on it."""
        return self.holder is not None and self.holder.alive

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.campaign.done and not self.driven


def take_snapshot(folder: Folder) -> Snapshot:
    """Read a campaign folder, whether or not it is being written.

    Raises:
        StorageError: no campaign there, or a damaged one.
    """
    head, holder = read_campaign(folder), read_lease(folder)
    return Snapshot(Campaign(plan_from_dict(head["plan"]), events=read_events(folder)), head, holder)


@user_command
def main() -> int:
    """Print the state of a campaign, once or until it is finished."""
    args, console = _parse(), make_console()
    folder = args.storage / (args.name or newest_campaign(args.storage))
    snapshot = take_snapshot(folder)
    try:
        if args.watch:
            snapshot = _watched(folder, snapshot, console)
    except KeyboardInterrupt:
        return 0
    console.print(_driver(folder, snapshot), soft_wrap=True)
    console.print(_table(snapshot))
    if snapshot.campaign.done:
        print_leaderboard(console, standings(snapshot.campaign), units(snapshot.head))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m search.status", description="Show how a campaign stands.")
    parser.add_argument("name", nargs="?", metavar="CAMPAIGN", help="default: the one that was driven last")
    parser.add_argument(
        "--storage", type=open_folder, default=DEFAULT_STORAGE, metavar="PLACE", help="of all campaigns"
    )
    parser.add_argument("--watch", action="store_true", help="refresh until it is finished")
    return parser.parse_args()


def _watched(folder: Folder, snapshot: Snapshot, console: Console) -> Snapshot:
    """Show the campaign until it is over."""
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


def _driver(folder: Folder, snapshot: Snapshot) -> str:
    """Who drives it, or how to go on."""
    holder, now = snapshot.holder, time.time()
    resume = resume_command(folder.name, folder.parent)
    if holder is None:
        return "finished" if snapshot.campaign.done else f"nobody drives it; go on with: {resume}"
    who = f"process {holder.pid} on {holder.host}"
    if not holder.alive:
        return f"its driver, {who}, died or lost touch {duration(now - holder.heartbeat)} ago; go on with: {resume}"
    since = datetime.datetime.fromtimestamp(holder.since).astimezone().isoformat(" ", "seconds")
    return f"driven by {who} since {since}, {duration(now - holder.since)}"


if __name__ == "__main__":
    sys.exit(main())
