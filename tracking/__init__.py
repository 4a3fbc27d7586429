"""Tracking: what happened in a campaign, in MLflow. The process that runs a campaign is the only writer.

    from tracking import write_report

    write_report("sqlite:///mlflow.db", to="report.html")

Runs and metrics (`tracking.recording`), registered winners (`tracking.registry`) and the report (`tracking.report`).
Importing this package changes nothing in the process. Names are imported when they are first used, and MLflow with
them; `tracking.client.open_client` makes the settings that MLflow needs.
"""

from typing import TYPE_CHECKING

from gear.lazy import lazy_names

if TYPE_CHECKING:
    from tracking.registry import champion_export, champions
    from tracking.report.write import write_report

__all__ = ["champion_export", "champions", "write_report"]

_LATE = {
    "tracking.registry": (
        "champion_export",
        "champions",
    ),
    "tracking.report.write": ("write_report",),
}
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
