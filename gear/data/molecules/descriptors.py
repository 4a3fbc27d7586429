"""RDKit's full set of two-dimensional descriptors, computed once for a set of molecules.

Values of one descriptor range over many orders of magnitude (`Ipc` grows exponentially with the size of a molecule), so
models scale them by the molecules they are trained on (`gear.model.input_scaler`).
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from rdkit.Chem import Mol

from gear.data.molecules.molecule import parse
from gear.data.parallel import map_chunks
from gear.data.row_cache import cached_rows
from gear.errors import InputDataError

__all__ = ["descriptor_names", "descriptors", "packed_descriptors"]


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

    The file holds each molecule once, in sorted order, so that it does not depend on a split or on repetitions.

    Raises:
        InputDataError: a SMILES cannot be parsed.
        StorageError: the cache cannot be written.
    """
    molecules, place = np.unique(smiles, return_inverse=True)
    rows: np.ndarray = cached_rows("descriptors", list(molecules), descriptors)[place]
    return rows


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
