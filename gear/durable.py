"""Files and folders that survive a crash of the machine: their content is on the disk before anything names them."""

import contextlib
import errno
import os
from pathlib import Path

__all__ = ["make_folder", "sync", "sync_tree", "write_durably"]

NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # a file system's answers where folders need none


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC or not path.is_dir():
            raise
    finally:
        os.close(file)


def sync_tree(folder: Path) -> None:
    """Wait until a folder and everything in it is on the disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; one that is there stays as it is."""
    missing = [folder, *folder.parents]
    missing = [path for path in missing if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


def write_durably(path: Path, data: bytes, draft: Path) -> None:
    """Write a file by way of a draft beside it: a reader sees the old content or the whole new one.

    Raises:
        OSError: it cannot be written; the draft is removed.
    """
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
