"""Numbers of many molecules, a row each, kept in the user cache: a row is computed once for all lists of molecules."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from gear.data.cache import DamagedFileError, cache_folder, cached, content_key, read_table, write_table

__all__ = ["cached_rows"]

SMILES, ROW = COLUMNS = ("smiles", "row")


def cached_rows(kind: str, smiles: Sequence[str], compute: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Rows (M, F) float32 of M molecules in this order; those that no file of the kind holds are computed.

    Each list of molecules has a file of its own, so that a trial reads one file, once.

    Args:
        kind: names what the rows depend on beside the molecules.
        smiles: of the molecules.
        compute: gives the rows of some of them, in the order given.

    Raises:
        StorageError: the cache cannot be written or read.
    """
    path = cache_folder() / "rows" / kind / f"{content_key(smiles)}.parquet"

    def build() -> None:
        known = dict(_known(path.parent, smiles))
        missing = [text for text in dict.fromkeys(smiles) if text not in known]
        if missing or not known:
            found = np.ascontiguousarray(compute(missing), np.float32)
            known |= {text: row.tobytes() for text, row in zip(missing, found, strict=True)}
            width = found.shape[1]
        else:
            width = len(next(iter(known.values()))) // 4
        rows = pa.array([known[text] for text in smiles], pa.binary())
        write_table(path, pa.table([pa.array(smiles, pa.string()), rows], names=list(COLUMNS)), width)

    def read(path: Path) -> np.ndarray:
        table, width = read_table(path, COLUMNS)
        content = b"".join(table[ROW].to_numpy())
        if len(content) != 4 * width * len(table):
            raise DamagedFileError("its rows have a wrong length")
        return np.frombuffer(content, np.float32).reshape(-1, width).copy()  # torch wants arrays that can be written

    return cached(path, read, build)


def _known(folder: Path, smiles: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The rows of molecules that files of other lists hold; a damaged file is passed over."""
    wanted = pa.array(smiles, pa.string())
    for path in sorted(folder.glob("*.parquet")):
        try:
            if not pa.compute.any(pa.compute.is_in(pq.read_table(path, columns=[SMILES])[SMILES], wanted)).as_py():
                continue
            table, _ = read_table(path, COLUMNS)
        except (DamagedFileError, pa.ArrowException, KeyError, OSError):
            continue
        table = table.filter(pa.compute.is_in(table[SMILES], wanted))
        yield from zip(table[SMILES].to_pylist(), table[ROW].to_pylist(), strict=True)
