"""The user cache: files that are built once and can be built again, separate for every combination of versions."""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq

from gear.drafts import draft_file, drafts_of
from gear.errors import StorageError

__all__ = [
    "DamagedFileError",
    "cache_folder",
    "cached",
    "content_key",
    "one_builder",
    "read_table",
    "replace_file",
    "write_table",
]

FORMAT = 4  # of all cached files; raised when the code that builds them changes their content
PACKAGES = ("chemicals", "thermo", "rdkit", "chemprop")
ABANDONED = 24 * 3600  # seconds after which the writer of a draft must have died
MOVES = "; GEAR_CACHE moves the cache"

Content = TypeVar("Content")
_locked: set[Path] = set()  # folders that this process builds in


class DamagedFileError(Exception):
    """A cached file was changed or is incomplete."""


def cache_folder() -> Path:
    """The cache folder for the installed versions, under GEAR_CACHE or else under the user's cache folder.

    Raises:
        StorageError: the user has no home folder, and GEAR_CACHE is not set.
    """
    try:
        root = Path(os.environ.get("GEAR_CACHE") or platformdirs.user_cache_dir("gear-search"))
    except RuntimeError as error:  # from platformdirs
        told = "there is no home folder to keep the cache in: set GEAR_CACHE to a folder, or set HOME"
        raise StorageError(told) from error
    versions = ",".join(f"{name}={importlib.metadata.version(name)}" for name in PACKAGES)
    return root / f"v{FORMAT}-{hashlib.sha256(versions.encode()).hexdigest()[:12]}"


def content_key(smiles: Iterable[str]) -> str:
    """A key for files that are built from these molecules in this order."""
    return hashlib.sha256("\n".join(smiles).encode()).hexdigest()[:20]


def cached(path: Path, read: Callable[[Path], Content], build: Callable[[], object]) -> Content:
    """The content of a cached file, which is built first if it is missing or damaged.

    Args:
        path: of the file.
        read: reads the file; raises DamagedFileError if it is damaged.
        build: writes the file, with `replace_file`.

    Raises:
        StorageError: the cache cannot be written or read.
    """
    if path.exists():
        try:
            return read(path)
        except DamagedFileError as error:
            print(f"{path} is damaged ({error}); building it again", file=sys.stderr)
        except OSError as error:
            raise StorageError(f"cannot read {path} ({error.strerror}){MOVES}") from error
    build()
    return read(path)


@contextlib.contextmanager
def one_builder(folder: Path) -> Iterator[None]:
    """Let other processes that would build in a folder wait; where its file system has no locks, all of them build."""
    if folder in _locked:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        _locked.add(folder)
        yield
    finally:
        _locked.discard(folder)
        os.close(lock)


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a draft, then rename it to `path`: readers see the old file or the whole new one.

    Two processes may build the same file at once: both do the work, and the last one to finish replaces the file.

    Args:
        path: of a file in the cache, or wherever a user wants one.
        write: writes the draft.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        with draft_file(path) as draft:
            write(draft)
    except OSError as error:
        hint = MOVES if _is_cached(path) else "; name another place for it"
        raise StorageError(f"cannot write {path} ({error.strerror or error}){hint}") from error


def _is_cached(path: Path) -> bool:
    """Whether a file lies in the cache."""
    with contextlib.suppress(StorageError):  # a user's file needs no cache
        return path.is_relative_to(cache_folder())
    return False


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts of this file that killed processes left behind."""
    for draft in drafts_of(path):
        with contextlib.suppress(OSError):  # another process has just renamed it, or it is another user's
            if time.time() - draft.stat().st_mtime > ABANDONED:
                draft.unlink()


def write_table(path: Path, table: pa.Table, facts: object) -> None:
    """Write a table as Parquet with checksums, and `facts` about it as JSON in its metadata.

    Raises:
        StorageError: the file cannot be written.
    """
    table = table.replace_schema_metadata({"facts": json.dumps(facts)})
    replace_file(path, lambda draft: pq.write_table(table, draft, compression="zstd", write_page_checksum=True))


def read_table(path: Path, columns: Sequence[str]) -> tuple[pa.Table, Any]:
    """A table that `write_table` wrote, and its facts.

    Raises:
        DamagedFileError: the file is not a table with these columns, or was changed.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        facts = json.loads((table.schema.metadata or {})[b"facts"])
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedFileError((str(error).splitlines() or [""])[0]) from error
    if table.column_names != list(columns):
        raise DamagedFileError(f"its columns are {', '.join(table.column_names)}")
    return table, facts
