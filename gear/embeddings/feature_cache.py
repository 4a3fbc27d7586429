"""Features of many molecules, computed once on all processors and kept in the user cache."""

import functools
import hashlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gear.data.parallel import map_chunks
from gear.data.row_cache import cached_rows
from gear.errors import InputDataError

if TYPE_CHECKING:
    from gear.embeddings.base import Embedding

__all__ = ["cached_features"]


def cached_features(embedding: "Embedding", smiles: list[str]) -> np.ndarray:
    """Features (M, F) float32 of M molecules, computed again once the file or the version of the embedding changes.

    Raises:
        InputDataError: the embedding does not give an array (M, F) of finite numbers.
        StorageError: the cache cannot be written.
    """
    return cached_rows(_key(embedding), smiles, functools.partial(_computed, embedding))


def _key(embedding: "Embedding") -> str:
    """Names what the features depend on beside the molecules."""
    kind = type(embedding)
    code = Path(inspect.getfile(kind)).read_bytes() + embedding.version.encode()
    return f"{kind.__module__}.{kind.__qualname__}-{hashlib.sha256(code).hexdigest()[:12]}"


def _computed(embedding: "Embedding", smiles: list[str]) -> np.ndarray:
    name = type(embedding).__name__
    chunks = [np.asarray(part) for part in map_chunks(embedding.features, smiles, len(smiles), name)]
    found = np.concatenate(chunks)
    if found.ndim != 2 or len(found) != len(smiles):
        raise InputDataError(
            f"embedding {name}: the features of {len(smiles)} molecules have shape {found.shape}: return a row for "
            "each, an array (M, F)"
        )
    if not (finite := np.isfinite(found.astype(np.float32)).all(axis=1)).all():
        first = smiles[int(np.argmin(finite))]
        raise InputDataError(f"embedding {name}: a feature of '{first}' is not a finite number: replace or scale it")
    return found
