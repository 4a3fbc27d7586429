"""Numbers of many molecules, a row each, kept in the user cache."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from gear.data.cache import DamagedFileError, cache_folder, cached, content_key, read_table, write_table

__all__ = ["cached_rows"]

COLUMN = "features"


def cached_rows(folder: str, smiles: Sequence[str], compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Rows (M, F) float32 of M molecules in this order, computed if they are not there or the file is damaged.

    Args:
        folder: in the cache; names what the rows depend on beside the molecules.
        smiles: of the molecules.
        compute: gives the rows.

    Raises:
        StorageError: the cache cannot be written or read.
    """
    path = cache_folder() / folder / f"{content_key(smiles)}.parquet"

    def build() -> None:
        found = compute()
        rows = pa.array([row.tobytes() for row in found.astype(np.float32)], pa.binary())
        write_table(path, pa.table([rows], names=[COLUMN]), found.shape[1])

    def read(path: Path) -> np.ndarray:
        table, width = read_table(path, [COLUMN])
        content = b"".join(table[COLUMN].to_numpy())
        if len(content) != 4 * width * len(table):
            raise DamagedFileError("its rows have a wrong length")
        return np.frombuffer(content, np.float32).reshape(-1, width).copy()  # torch wants arrays that can be written

    return cached(path, read, build)
