"""Options that several commands have, each defined once."""

import argparse
import os

from search.storage.base import StoragePath
from search.storage.locate import DEFAULT_STORAGE, open_folder
from tracking.tracking_uri import add_tracking_uri

__all__ = ["add_campaign", "add_storage", "add_tracking_uri", "campaign_folder", "file_name"]

LONGEST_FILE_NAME = 255  # bytes


def add_campaign(parser: argparse.ArgumentParser) -> None:
    """Add the name of a campaign and its storage; `campaign_folder` gives its folder."""
    parser.add_argument("name", nargs="?", type=file_name, metavar="CAMPAIGN", help="default: the one that ran last")
    add_storage(parser)


def file_name(text: str) -> str:
    """A name that a folder can have."""
    if len(os.fsencode(text)) > LONGEST_FILE_NAME:
        raise argparse.ArgumentTypeError(
            f"{text[:20]}... has {len(text)} characters, more than a folder's name can have"
        )
    if "\0" in text:
        raise argparse.ArgumentTypeError("a folder's name cannot have the character with the code 0")
    return text


def add_storage(parser: argparse._ActionsContainer) -> None:
    """Add `--storage` to a parser or to a group of one."""
    parser.add_argument(
        "--storage",
        type=open_folder,
        default=DEFAULT_STORAGE,
        metavar="PLACE",
        help="holds all campaigns: a folder or s3://BUCKET/PREFIX (default: $GEAR_STORAGE, else campaigns)",
    )


def campaign_folder(args: argparse.Namespace) -> StoragePath:
    """The folder of the campaign that was asked for.

    Raises:
        StorageError: none was named, and there is none.
    """
    from search.storage.campaign_store import newest_campaign  # RDKit and pandas, a second

    storage: StoragePath = args.storage
    return storage / (args.name or newest_campaign(storage))
