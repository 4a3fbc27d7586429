"""The report from Python: `write_report` reads MLflow, writes the page and logs it."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

from gear.errors import StorageError
from tracking.client import open_client
from tracking.report.page import make_page
from tracking.report.publish import log_report, plots_folder, write_page
from tracking.report.reading import read_campaigns
from tracking.tracking_uri import DEFAULT_TRACKING_URI

__all__ = ["write_report"]


def write_report(
    tracking_uri: str = DEFAULT_TRACKING_URI,
    to: Path | str = "report.html",
    campaigns: Sequence[str] = (),
    *,
    log: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write one page on what campaigns found, and its plots as SVG and PNG in a folder beside it.

    Args:
        tracking_uri: of MLflow.
        to: the HTML file; an earlier one is replaced.
        campaigns: their names; none means all that MLflow holds.
        log: whether the report is also logged in MLflow.
        say: takes a line for each step.

    Returns:
        The path of the page.

    Raises:
        StorageError: MLflow cannot be read or written, holds no campaign, or the page cannot be written.
        UnknownNameError: there is no such campaign.
    """
    to = Path(to)
    if not to.parent.is_dir():
        raise StorageError(f"cannot write {to}: there is no folder {to.parent}")
    client = open_client(tracking_uri)
    found = read_campaigns(client, campaigns, say)
    page = make_page(found, datetime.datetime.now().astimezone())
    write_page(page, to)
    say(f"{to}: {len(page.html.encode()) / 1e6:.1f} MB; {len(page.drawings)} plots in {plots_folder(to)}")
    if log:
        log_report(client, tracking_uri, found, to)
    return to
