"""Files and folders that appear under their name only when they are whole, with the permissions that the umask gives.

A draft is made beside its place under a name that nobody can foresee, and only if nothing has that name yet, so that no
link that someone else put there is followed.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["draft_file", "draft_folder", "draft_name"]


def draft_name(path: Path) -> Path:
    """A name beside `path` for a draft of it; process ids would repeat across the containers that share a folder."""
    return path.with_name(f".{path.name}.draft-{uuid.uuid4().hex}")


@contextmanager
def draft_file(path: Path) -> Iterator[Path]:
    """A new empty file beside `path`, which takes its place when the block ends without an error.

    Raises:
        OSError: it cannot be made, or cannot take that place.
    """
    draft = draft_name(path)
    draft.touch(exist_ok=False)
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """A new empty folder beside `path`, which takes its place, and that of what is there, when the block ends well.

    Raises:
        OSError: it cannot be made, or cannot take that place.
    """
    draft = draft_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.mkdir()
    try:
        yield draft
        if path.exists():
            shutil.rmtree(path)
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
