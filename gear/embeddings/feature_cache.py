"""Features of many molecules, computed once on all processors and kept in the user cache."""

import hashlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gear.data.cache import DamagedFileError, cache_folder, cached, content_key, read_table, write_table
from gear.data.parallel import map_chunks
from gear.errors import InputDataError

if TYPE_CHECKING:
    from gear.embeddings.base import Embedding

__all__ = ["cached_features"]

COLUMN = "features"


def cached_features(embedding: "Embedding", smiles: list[str]) -> np.ndarray:
    """Features (M, F) float32 of M molecules, computed again once the file or the version of the embedding changes.

    Raises:
        InputDataError: the embedding does not give an array (M, F) of finite numbers.
        StorageError: the cache cannot be written.
    """
    path = cache_folder() / "features" / _key(embedding) / f"{content_key(smiles)}.parquet"
    return cached(path, _read, lambda: _write(path, _computed(embedding, smiles)))


def _key(embedding: "Embedding") -> str:
    """Names what the features depend on beside the molecules."""
    kind = type(embedding)
    code = Path(inspect.getfile(kind)).read_bytes() + embedding.version.encode()
    return f"{kind.__module__}.{kind.__qualname__}-{hashlib.sha256(code).hexdigest()[:12]}"


def _computed(embedding: "Embedding", smiles: list[str]) -> np.ndarray:
    name = type(embedding).__name__
    chunks = [np.asarray(part) for part in map_chunks(embedding.features, smiles, len(smiles), name)]
    found = np.concatenate(chunks).astype(np.float32)
    if found.ndim != 2 or len(found) != len(smiles):
        raise InputDataError(
            f"embedding {name}: the features of {len(smiles)} molecules have shape {found.shape}: return a row for "
            "each, an array (M, F)"
        )
    if not (finite := np.isfinite(found).all(axis=1)).all():
        first = smiles[int(np.argmin(finite))]
        raise InputDataError(f"embedding {name}: a feature of '{first}' is not a finite number: replace or scale it")
    return found


def _write(path: Path, features: np.ndarray) -> None:
    rows = pa.array([row.tobytes() for row in features], pa.binary())
    write_table(path, pa.table([rows], names=[COLUMN]), features.shape[1])


def _read(path: Path) -> np.ndarray:
    table, width = read_table(path, [COLUMN])
    content = b"".join(table[COLUMN].to_numpy())
    if len(content) != 4 * width * len(table):
        raise DamagedFileError("its rows have a wrong length")
    return np.frombuffer(content, np.float32).reshape(-1, width).copy()  # torch wants arrays that can be written
