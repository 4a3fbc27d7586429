"""A campaign seen from another terminal: `gear-search status NAME`.

Reads the campaign folder. All that it writes is an empty file, gone at once, by which the clock of the storage is read.
"""

import sys

from gear.command_line import Parser, make_parser
from gear.errors import user_command
from search.cli.common_options import add_campaign, campaign_folder

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Print the state of a campaign, once or until it is finished."""
    args = command_parser().parse_args()
    from search.cli.console import make_console
    from search.cli.leaderboard import print_leaderboard
    from search.cli.status_view import driver_line, status_table, watched
    from search.results.winners import leaderboard
    from search.storage.snapshot import take_snapshot  # RDKit and pandas, a second

    console = make_console()
    folder = campaign_folder(args)
    snapshot = take_snapshot(folder)
    try:
        if args.watch:
            snapshot = watched(folder, snapshot, console)
    except KeyboardInterrupt:
        return 0
    console.print(driver_line(folder, snapshot), soft_wrap=True)
    console.print(status_table(snapshot))
    if snapshot.campaign.done:
        print_leaderboard(console, leaderboard(snapshot.campaign, snapshot.head, folder))
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("search.cli.status", main.__doc__)
    add_campaign(parser)
    parser.add_argument("--watch", action="store_true", help="refresh until the campaign is finished")
    return parser


if __name__ == "__main__":
    sys.exit(main())
