"""Write the report: `python -m tracking.report --to report.html`."""

import argparse
import datetime
import sys
from pathlib import Path

from gear.errors import StorageError, user_command
from tracking.client import open_client
from tracking.report.campaigns import read_campaigns
from tracking.report.page import make_page
from tracking.report.publish import log_report, plots_folder, write_report
from tracking.tracking_uri import add_tracking_uri

__all__ = ["main"]


@user_command
def main() -> int:
    """Tell on one page what campaigns found, from MLflow's record."""
    parser = argparse.ArgumentParser(prog="python -m tracking.report", description=main.__doc__)
    parser.add_argument("--campaign", nargs="+", default=[], metavar="NAME", help="default: all that MLflow holds")
    add_tracking_uri(parser)
    parser.add_argument("--to", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html")
    parser.add_argument(
        "--log", action=argparse.BooleanOptionalAction, default=True, help="also log it in MLflow (default: yes)"
    )
    args = parser.parse_args()
    if not args.to.parent.is_dir():
        raise StorageError(f"cannot write {args.to}: there is no folder {args.to.parent}")
    client = open_client(args.tracking_uri)
    campaigns = read_campaigns(client, args.campaign, print)
    page = make_page(campaigns, datetime.datetime.now().astimezone())
    write_report(page, args.to)
    print(f"{args.to}: {len(page.html.encode()) / 1e6:.1f} MB; {len(page.drawings)} plots in {plots_folder(args.to)}")
    if args.log:
        log_report(client, args.tracking_uri, campaigns, args.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
