"""Complete or rebuild a campaign's record in MLflow from its folder: `python -m search.record NAME`.

Everything is in the campaign folder, so a database that was lost is told again, and what MLflow has already stays as it
is: running this twice changes nothing.
"""

import argparse
import math
import shlex
import sys

from gear.errors import GearError, StorageError, user_command
from search.feed import story
from search.finalize import register_winners
from search.folder import DEFAULT_STORAGE, Folder, open_folder
from search.status import Snapshot, take_snapshot
from search.store import newest_campaign, read_events
from search.table import make_console
from tracking.client import DEFAULT_TRACKING_URI, open_client
from tracking.recorder import Recorder

__all__ = ["main", "rebuild", "record_command"]


@user_command
def main() -> int:
    """Tell MLflow a campaign from its beginning, and register its winners."""
    args, console = _parse(), make_console()
    folder = args.storage / (args.name or newest_campaign(args.storage))
    snapshot = take_snapshot(folder)
    if snapshot.driven and snapshot.holder is not None:
        who = f"process {snapshot.holder.pid} on {snapshot.holder.host}"
        raise GearError(f"{folder} is driven by {who}, which records it: wait for its end")
    rebuild(folder, snapshot, args.tracking_uri)
    register_winners(snapshot.campaign, snapshot.head, folder, args.tracking_uri, console.print)
    console.print(f"campaign {folder.name} is recorded in {args.tracking_uri}", soft_wrap=True)
    return 0


def rebuild(folder: Folder, snapshot: Snapshot, tracking_uri: str) -> None:
    """Write what MLflow does not hold of a campaign.

    Raises:
        StorageError: MLflow does not answer, or not to the end.
    """
    plan, head = snapshot.campaign.plan, snapshot.head
    client = open_client(tracking_uri, create=True)
    with Recorder(tracking_uri, plan.name, head["created"], client) as recorder:
        recorder.start(lambda: story(plan, head["data"], read_events(folder)))
        if not recorder.flush(math.inf):
            raise StorageError(f"MLflow at {tracking_uri} went away: run this again once it is back")


def record_command(name: str, storage: Folder, tracking_uri: str) -> str:
    """What to type to complete a campaign's record."""
    more = [] if tracking_uri == DEFAULT_TRACKING_URI else ["--tracking-uri", tracking_uri]
    return shlex.join(["python", "-m", "search.record", name, "--storage", str(storage), *more])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m search.record", description=main.__doc__)
    parser.add_argument("name", nargs="?", metavar="CAMPAIGN", help="default: the one that was driven last")
    parser.add_argument(
        "--storage", type=open_folder, default=DEFAULT_STORAGE, metavar="PLACE", help="of all campaigns"
    )
    parser.add_argument("--tracking-uri", default=DEFAULT_TRACKING_URI, metavar="URI", help="MLflow's")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
