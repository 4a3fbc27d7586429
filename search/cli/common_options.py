"""Flags that several commands have."""

import argparse

from search.storage.locate import DEFAULT_STORAGE, open_folder
from tracking.default_uri import DEFAULT_TRACKING_URI

__all__ = ["add_campaign", "add_storage", "add_tracking_uri"]


def add_campaign(parser: argparse._ActionsContainer) -> None:
    """Add a campaign's name."""
    parser.add_argument(
        "name", nargs="?", metavar="CAMPAIGN", help="name of the campaign (default: the one that was driven last)"
    )


def add_storage(parser: argparse._ActionsContainer) -> None:
    """Add `--storage`."""
    parser.add_argument(
        "--storage",
        type=open_folder,
        default=DEFAULT_STORAGE,
        metavar="PLACE",
        help="where all campaigns are: a folder, or s3://BUCKET/PREFIX (default: %(default)s)",
    )


def add_tracking_uri(parser: argparse._ActionsContainer) -> None:
    """Add `--tracking-uri`."""
    parser.add_argument(
        "--tracking-uri", default=DEFAULT_TRACKING_URI, metavar="URI", help="of MLflow (default: %(default)s)"
    )
