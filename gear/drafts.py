"""Files and folders that appear under their name only when they are whole, with the permissions that the umask gives.

A draft is made beside its place under a name that nobody can foresee, and only if nothing has that name yet, so that no
link that someone else put there is followed. What is written durably survives a crash of the machine: its content is on
the disk before it has its name, and its name is when the block ends.
"""

import contextlib
import errno
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["draft_file", "draft_folder", "draft_name", "drafts_of", "make_folder", "sync", "write_new"]

NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # a file system's answers where folders need none


def draft_name(path: Path) -> Path:
    """A name beside `path` for a draft of it; process ids would repeat across the containers that share a folder."""
    return path.with_name(f".{path.name}.draft-{uuid.uuid4().hex}")


def drafts_of(path: Path) -> Iterator[Path]:
    """What is there under the names that `draft_name` gives for `path`, and under no other."""
    return path.parent.glob(f".{glob.escape(path.name)}.draft-{'[0-9a-f]' * 32}")


@contextmanager
def draft_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A new empty file beside `path`, which takes its place when the block ends without an error.

    Raises:
        OSError: it cannot be made, or cannot take that place; the draft is removed.
    """
    draft = draft_name(path)
    draft.touch(exist_ok=False)
    try:
        yield draft
        if durable:
            sync(draft)
        draft.replace(path)
        if durable:
            sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


@contextmanager
def draft_folder(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A new empty folder beside `path`, which takes its place, and that of what is there, when the block ends well.

    Raises:
        OSError: it cannot be made, or cannot take that place; the draft is removed, and what is there stays.
    """
    draft, old = draft_name(path), draft_name(path)
    make_folder(path.parent)
    draft.mkdir()
    try:
        yield draft
        if durable:
            for inside in (*draft.rglob("*"), draft):
                sync(inside)
        if path.exists():
            path.rename(old)
        draft.rename(path)
        if durable:
            sync(path.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_new(path: Path, data: bytes) -> None:
    """Write a file, which must not exist, to the disk; its name may not be there yet.

    Raises:
        FileExistsError: there is such a file.
        OSError: it cannot be written; a part of it may be there.
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably; one that is there stays as it is."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


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
