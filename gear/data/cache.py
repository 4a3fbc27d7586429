"""The user cache: what is built once and can be built again. Keyed by the versions of everything that it depends on."""

import hashlib
import importlib.metadata
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import platformdirs

from gear.errors import StorageError

__all__ = ["cache_folder", "replace_file"]

FORMAT = 1  # of all cached files; raised when the code that builds them changes what they hold
PACKAGES = ("chemicals", "thermo", "rdkit", "chemprop")


def cache_folder() -> Path:
    """The folder for this combination of versions: under GEAR_CACHE, or the user's cache folder."""
    root = Path(os.environ.get("GEAR_CACHE") or platformdirs.user_cache_dir("gear-search"))
    versions = ",".join(f"{name}={importlib.metadata.version(name)}" for name in PACKAGES)
    return root / f"v{FORMAT}-{hashlib.sha256(versions.encode()).hexdigest()[:12]}"


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a draft, then put it in place: readers see the old file or the whole new one.

    Two processes that build the same file at once do double work and no harm.

    Raises:
        StorageError: the place cannot be written.
    """
    # process ids repeat across the containers that share a cache
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(draft)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path} ({error.strerror}); GEAR_CACHE moves the cache") from error
