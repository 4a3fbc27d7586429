"""Where MLflow is: the default, and the option of every command that reads or writes it. Needs no MLflow."""

import argparse
import os
from typing import Any

__all__ = ["DEFAULT_TRACKING_URI", "FILE", "add_tracking_uri"]

FILE = "sqlite:///mlflow.db"  # what a bare `mlflow ui` in the same folder shows
DEFAULT_TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI") or FILE


def add_tracking_uri(
    parser: argparse._ActionsContainer,
    default: Any = DEFAULT_TRACKING_URI,  # noqa: ANN401 - argparse.SUPPRESS where a parser above has the option too
) -> None:
    """Add `--tracking-uri` to a parser or to a group of one."""
    told = f"MLflow's database file or server (default: $MLFLOW_TRACKING_URI, else {FILE})"
    parser.add_argument("--tracking-uri", default=default, metavar="URI", help=told)
