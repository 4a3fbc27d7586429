"""Complete or rebuild a campaign's record in MLflow from its folder: `gear-search record NAME`.

Everything is in the campaign folder, so a record that was lost is written again, and what MLflow has already stays as
it is: running this twice changes nothing.
"""

import sys
from functools import partial

from gear.command_line import Parser, make_parser
from gear.errors import GearError, user_command
from search.cli.common_options import add_campaign, add_tracking_uri, campaign_folder

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Write a campaign's record in MLflow from its folder, and register its winners."""
    args = command_parser().parse_args()
    from search.cli.console import make_console
    from search.results.evidence import read_board
    from search.results.finalize import register_results  # MLflow, a second
    from search.results.rebuild import rebuild
    from search.storage.relocation import settle_copy
    from search.storage.snapshot import take_snapshot
    from tracking.identity import CampaignIdentity
    from tracking.mlflow_page import runs_words

    say = partial(make_console().print, soft_wrap=True)
    folder = campaign_folder(args)
    settle_copy(folder, say)
    snapshot = take_snapshot(folder)
    if snapshot.driven and snapshot.holder is not None:
        raise GearError(f"{folder} is being run by {snapshot.holder}, which records it: wait for its end")
    rebuild(folder, snapshot, args.tracking_uri)
    register_results(read_board(snapshot.campaign, snapshot.head, folder), args.tracking_uri, say)
    say(f"campaign {folder.name} is recorded in {args.tracking_uri}")
    if runs := runs_words(args.tracking_uri, CampaignIdentity.of(folder.name, snapshot.head)):
        say(f"every run: {runs}")
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("search.cli.record", main.__doc__)
    add_campaign(parser)
    add_tracking_uri(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
