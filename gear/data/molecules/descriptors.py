"""RDKit's full set of two-dimensional descriptors, computed once for a set of molecules, and their scaling.

Values of one descriptor range over many orders of magnitude (`Ipc` grows exponentially with the size of a molecule), so
models see sign(x) log(1 + |x|), centred and scaled by the molecules they are trained on and clipped. Descriptors that
are constant there carry nothing and are dropped; a value that RDKit cannot compute is replaced by the centre.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from rdkit.Chem import Mol

from gear.data.cache import DamagedFileError, cache_folder, cached, content_key, read_table, write_table
from gear.data.molecules.molecule import parse
from gear.data.parallel import map_chunks
from gear.errors import InputDataError

__all__ = ["CLIP", "DescriptorScaler", "descriptor_names", "descriptors", "packed_descriptors"]

CLIP = 6.0  # standard deviations; beyond them a molecule is unlike all that was trained on
COLUMNS = ("descriptors",)


def descriptor_names() -> tuple[str, ...]:
    """The names of the D descriptors, in the order of the columns."""
    return tuple(name for name, _ in _functions())


def descriptors(smiles: Sequence[str]) -> np.ndarray:
    """Descriptors (M, D) float32 of molecules, on all cores; NaN where RDKit gives no finite number.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    empty = np.empty((0, len(_functions())), np.float32)
    return np.concatenate([empty, *map_chunks(_chunk, smiles, len(smiles), "descriptors")])


def packed_descriptors(smiles: np.ndarray) -> np.ndarray:
    """`descriptors`, computed at the first call for these molecules and read from the cache ever after.

    Raises:
        InputDataError: a SMILES cannot be parsed.
        StorageError: the cache cannot be written.
    """
    path = cache_folder() / "descriptors" / f"{content_key(smiles)}.parquet"
    return cached(path, _read, lambda: _build(path, list(smiles)))


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorScaler:
    """Log-modulus, then (x - centre) / scale of the kept columns, clipped to +-CLIP.

    Attributes:
        kept: (K,) columns that vary in the training part.
        centre: (K,) their means there.
        scale: (K,) their standard deviations there.
    """

    kept: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> "DescriptorScaler":
        """The scaler of descriptors (N, D) of the training part."""
        seen = _log_modulus(values)
        known = np.isfinite(seen).any(0)
        centre, scale = np.zeros(seen.shape[1]), np.zeros(seen.shape[1])
        centre[known], scale[known] = np.nanmean(seen[:, known], 0), np.nanstd(seen[:, known], 0)
        kept = np.flatnonzero(scale > 1e-8)
        return cls(kept, centre[kept], scale[kept])

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Inputs (M, K) float64 of a model, of descriptors (M, D)."""
        scaled = (_log_modulus(values[:, self.kept]) - self.centre) / self.scale
        inputs: np.ndarray = np.nan_to_num(scaled, nan=0.0).clip(-CLIP, CLIP)
        return inputs


def _log_modulus(values: np.ndarray) -> np.ndarray:
    wide = values.astype(np.float64)
    found: np.ndarray = np.sign(wide) * np.log1p(np.abs(wide))
    return found


def _build(path: Path, smiles: list[str]) -> None:
    rows = pa.array([row.tobytes() for row in descriptors(smiles)], pa.binary())
    write_table(path, pa.table([rows], names=list(COLUMNS)), list(descriptor_names()))


def _read(path: Path) -> np.ndarray:
    table, names = read_table(path, COLUMNS)
    data = b"".join(table[COLUMNS[0]].to_numpy())
    if tuple(names) != descriptor_names() or len(data) != 4 * len(names) * len(table):
        raise DamagedFileError("its rows have another length")
    return np.frombuffer(data, np.float32).reshape(len(table), -1)


def _chunk(smiles: Sequence[str]) -> np.ndarray:
    """Descriptors (M, D) of a few thousand molecules, in this process."""
    found = np.empty((len(smiles), len(_functions())))
    for row, text in enumerate(smiles):
        mol = parse(text)
        if mol is None:
            raise InputDataError(f"cannot parse SMILES '{text}'")
        found[row] = [_value(function, mol) for _, function in _functions()]
    with np.errstate(over="ignore"):
        narrow = found.astype(np.float32)
    narrow[~np.isfinite(narrow)] = np.nan
    return narrow


def _value(function: Callable[[Mol], float], mol: Mol) -> float:
    try:
        return float(function(mol))
    except (ValueError, ArithmeticError, RuntimeError):  # no partial charges for an element, for instance
        return float("nan")


@functools.cache
def _functions() -> tuple[tuple[str, Callable[[Mol], float]], ...]:
    from rdkit.Chem import Descriptors  # half a second

    return tuple(Descriptors.descList)
