"""Opens the folder that a path or a URI names, on a disk or on S3."""

import os
from pathlib import Path

from gear.errors import InputDataError
from search.storage.base import StoragePath
from search.storage.local import LocalPath

__all__ = ["DEFAULT_STORAGE", "open_folder"]

DEFAULT_STORAGE = os.environ.get("GEAR_STORAGE") or "campaigns"  # the folder of all campaigns


def open_folder(uri: str) -> StoragePath:
    """The folder that a path or `s3://BUCKET/PREFIX` names. The folder need not exist, a bucket must.

    Raises:
        InputDataError: it is neither a path nor such a URI.
        StorageError: there is no such bucket, or access is denied.
    """
    scheme, separator, place = uri.partition("://")
    if not separator:
        return LocalPath(Path(uri))
    if scheme != "s3":
        raise InputDataError(f"{scheme}:// is not supported: give a path, or s3://BUCKET/PREFIX")
    from search.storage.s3 import open_s3  # imports pyarrow's S3 client, which takes a tenth of a second

    return open_s3(place)
