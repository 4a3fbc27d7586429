"""Write the report: `python -m tracking.report --to report.html`."""

import argparse
import sys
from pathlib import Path

from gear.errors import user_command
from tracking.report.write import write_report
from tracking.tracking_uri import add_tracking_uri

__all__ = ["main"]


@user_command
def main() -> int:
    """Write one page on what campaigns found, from what MLflow recorded."""
    parser = argparse.ArgumentParser(prog="python -m tracking.report", description=main.__doc__)
    parser.add_argument("--campaign", nargs="+", default=[], metavar="NAME", help="default: all that MLflow holds")
    add_tracking_uri(parser)
    parser.add_argument("--to", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html")
    parser.add_argument(
        "--log", action=argparse.BooleanOptionalAction, default=True, help="also log it in MLflow (default: yes)"
    )
    args = parser.parse_args()
    write_report(args.tracking_uri, args.to, args.campaign, log=args.log, say=print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
