"""Morgan fingerprints and RDKit descriptors: the input of the embedding `fingerprint`.

Counted Morgan environments of radius 2, folded to `COUNTS` places, and RDKit's fast two-dimensional descriptors.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

from gear.data.cache import DamagedFileError, cache_folder, cached, content_key, read_table, write_table
from gear.data.molecules.molecule import parse
from gear.data.parallel import map_chunks
from gear.errors import InputDataError

__all__ = ["COUNTS", "DESCRIPTORS", "fingerprints", "fingerprints_chunk", "packed_fingerprints"]

COUNTS = 1024
DESCRIPTORS = 43
LARGEST = 1e4  # limit of a descriptor; a few are unbounded
COLUMNS = ("counts", "descriptors")


def fingerprints(smiles: Sequence[str]) -> np.ndarray:
    """Inputs (M, COUNTS + DESCRIPTORS) float32 of molecules: log(1 + count) of each place, then the descriptors.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    return _inputs(*_computed(smiles))


def fingerprints_chunk(smiles: Sequence[str]) -> np.ndarray:
    """`fingerprints` of a few thousand molecules, in this process.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    return _inputs(*_chunk(smiles))


def packed_fingerprints(smiles: np.ndarray) -> np.ndarray:
    """`fingerprints`, computed at the first call for these molecules and read from the cache after that.

    Raises:
        InputDataError: a SMILES cannot be parsed.
        StorageError: the cache cannot be written.
    """
    path = cache_folder() / "fingerprints" / f"{content_key(smiles)}.parquet"
    return cached(path, _read, lambda: _build(path, list(smiles)))


def _build(path: Path, smiles: list[str]) -> None:
    columns = [pa.array([row.tobytes() for row in rows], pa.binary()) for rows in _computed(smiles)]
    write_table(path, pa.table(columns, names=list(COLUMNS)), len(smiles))


def _read(path: Path) -> np.ndarray:
    table, _ = read_table(path, COLUMNS)
    counts, values = (b"".join(table[name].to_numpy()) for name in COLUMNS)
    if len(counts) != COUNTS * len(table) or len(values) != 4 * DESCRIPTORS * len(table):
        raise DamagedFileError("its rows have a wrong length")
    return _inputs(
        np.frombuffer(counts, np.uint8).reshape(-1, COUNTS), np.frombuffer(values, np.float32).reshape(-1, DESCRIPTORS)
    )


def _computed(smiles: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Counts and descriptors of all molecules."""
    chunks = [_chunk([]), *map_chunks(_chunk, smiles, len(smiles), "fingerprints")]
    counts, descriptors = zip(*chunks, strict=True)
    return np.concatenate(counts), np.concatenate(descriptors)


def _inputs(counts: np.ndarray, descriptors: np.ndarray) -> np.ndarray:
    return np.concatenate([np.log1p(counts, dtype=np.float32), descriptors.astype(np.float32)], axis=1)


def _chunk(smiles: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Counts (M, COUNTS) uint8 and descriptors (M, DESCRIPTORS) float32."""
    morgan, described = _generators()
    counts = np.zeros((len(smiles), COUNTS), np.uint8)
    values = np.zeros((len(smiles), DESCRIPTORS), np.float32)
    for row, text in enumerate(smiles):
        mol = parse(text)
        if mol is None:
            raise InputDataError(f"cannot parse SMILES '{text}'")
        counts[row] = morgan.GetCountFingerprintAsNumPy(mol).clip(max=255)
        values[row] = np.nan_to_num(list(described.ComputeProperties(mol))).clip(-LARGEST, LARGEST)
    return counts, values


@functools.cache
def _generators() -> tuple[rdFingerprintGenerator.FingerprintGenerator64, rdMolDescriptors.Properties]:
    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=COUNTS), rdMolDescriptors.Properties()
