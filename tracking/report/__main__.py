"""Write the report: `gear-search report --to report.html`."""

import argparse
import sys
from pathlib import Path

from gear.command_line import Parser, make_parser
from gear.errors import user_command
from tracking.tracking_uri import add_tracking_uri

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Write one page about what campaigns found, from MLflow's record."""
    args = command_parser().parse_args()
    from tracking.report.write import write_report  # MLflow and matplotlib, two seconds

    write_report(args.tracking_uri, args.to, args.campaign, log=args.log, say=print)
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
