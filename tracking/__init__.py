"""Tracking: what happened in a campaign, in MLflow. The process that runs a campaign is the only writer.

    from tracking import write_report

    write_report("sqlite:///mlflow.db", to="report.html")

Runs and metrics (`tracking.recording`), registered winners (`tracking.registry`) and the report (`tracking.report`).
Importing this package changes nothing in the process. Names are imported when they are first used, and MLflow with
them; `tracking.client.open_client` makes the settings that MLflow needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracking.registry import champion_export, champions
    from tracking.report.write import write_report

__all__ = ["champion_export", "champions", "write_report"]

_HOMES = {
    "champion_export": "tracking.registry",
    "champions": "tracking.registry",
    "write_report": "tracking.report.write",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'tracking' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
