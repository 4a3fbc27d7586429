"""Write the report: `gear-search report --to report.html`."""

import argparse
import datetime
import sys
from pathlib import Path

from gear.command_line import Parser, make_parser
from gear.errors import StorageError, user_command
from tracking.tracking_uri import add_tracking_uri

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Write one page about what campaigns found, from MLflow's record."""
    args = command_parser().parse_args()
    if not args.to.parent.is_dir():
        raise StorageError(f"cannot write {args.to}: there is no folder {args.to.parent}")
    from tracking.client import open_client  # MLflow and matplotlib, two seconds
    from tracking.report.campaigns import read_campaigns
    from tracking.report.page import make_page
    from tracking.report.publish import log_report, plots_folder, write_report

    client = open_client(args.tracking_uri)
    campaigns = read_campaigns(client, args.campaign, print)
    page = make_page(campaigns, datetime.datetime.now().astimezone())
    write_report(page, args.to)
    print(f"{args.to}: {len(page.html.encode()) / 1e6:.1f} MB; {len(page.drawings)} plots in {plots_folder(args.to)}")
    if args.log:
        log_report(client, args.tracking_uri, campaigns, args.to)
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("tracking.report", main.__doc__)
    parser.add_argument(
        "--campaign",
        nargs="+",
        default=[],
        metavar="NAME",
        help="campaigns to report on (default: all that MLflow holds)",
    )
    add_tracking_uri(parser)
    parser.add_argument(
        "--to", type=Path, default=Path("report.html"), metavar="FILE", help="the page to write (default: report.html)"
    )
    parser.add_argument(
        "--log", action=argparse.BooleanOptionalAction, default=True, help="log the page in MLflow, too (default: yes)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
