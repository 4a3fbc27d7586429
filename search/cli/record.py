"""Complete or rebuild a campaign's record in MLflow from its folder: `python -m search.cli.record NAME`.

The campaign folder has everything, so a database that was lost can be rebuilt. What MLflow has already is not changed,
so running this twice is safe.
"""

import argparse
import sys

from gear.errors import GearError, user_command
from search.cli.common_options import add_campaign, add_tracking_uri, campaign_folder
from search.cli.console import make_console
from search.results.finalize import register_winners
from search.results.rebuild import rebuild
from search.storage.snapshot import take_snapshot

__all__ = ["main"]


@user_command
def main() -> int:
    """Complete the record of a campaign in MLflow, and register its winners."""
    args, console = _parse(), make_console()
    folder = campaign_folder(args)
    snapshot = take_snapshot(folder)
    if snapshot.driven and snapshot.holder is not None:
        who = f"process {snapshot.holder.pid} on {snapshot.holder.host}"
        raise GearError(f"{folder} is being run by {who}, which records it: wait for its end")
    rebuild(folder, snapshot, args.tracking_uri)
    register_winners(snapshot.campaign, snapshot.head, folder, args.tracking_uri, console.print)
    console.print(f"campaign {folder.name} is recorded in {args.tracking_uri}", soft_wrap=True)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m search.cli.record", description=main.__doc__)
    add_campaign(parser)
    add_tracking_uri(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
