"""Tanimoto similarity of a molecule to the molecules that a model was trained on, by Morgan fingerprints.

Fingerprints of radius 2 are folded to `BITS` bits and packed, eight to a byte.
"""

import functools
from collections.abc import Sequence

import numpy as np
from rdkit.Chem import rdFingerprintGenerator

from gear.data.molecules.molecule import parse
from gear.data.parallel import map_chunks
from gear.errors import InputDataError

__all__ = ["BITS", "Neighbours", "bit_fingerprints", "bit_fingerprints_chunk"]

BITS = 2048


def bit_fingerprints(smiles: Sequence[str]) -> np.ndarray:
    """Packed fingerprints (M, BITS / 8) uint8 of molecules, on all processors if there are many.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    chunks = map_chunks(bit_fingerprints_chunk, smiles, len(smiles), "fingerprints")
    return np.concatenate([bit_fingerprints_chunk([]), *chunks])


def bit_fingerprints_chunk(smiles: Sequence[str]) -> np.ndarray:
    """`bit_fingerprints` of a few thousand molecules, in this process.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    bits = np.zeros((len(smiles), BITS), np.uint8)
    for row, text in enumerate(smiles):
        mol = parse(text)
        if mol is None:
            raise InputDataError(f"cannot parse SMILES '{text}'")
        bits[row] = _generator().GetFingerprintAsNumPy(mol)
    return np.packbits(bits, axis=1)


class Neighbours:
    """Molecules that others are compared with.

    Args:
        fingerprints: (N, BITS / 8) uint8, N at least 1.
    """

    def __init__(self, fingerprints: np.ndarray) -> None:
        self.by_byte = np.ascontiguousarray(fingerprints.T)  # (BITS / 8, N)
        self.counts = np.bitwise_count(fingerprints).sum(axis=1, dtype=np.int32)

    def nearest(self, fingerprints: np.ndarray) -> np.ndarray:
        """Similarity (M,) of each molecule of `fingerprints` (M, BITS / 8) to its nearest neighbour, 0 to 1."""
        return np.array([self._nearest(row) for row in fingerprints], np.float64)

    def _nearest(self, row: np.ndarray) -> float:
        own = np.flatnonzero(row)  # few: a molecule sets some 20 bits
        shared = np.bitwise_count(self.by_byte[own] & row[own, None]).sum(axis=0, dtype=np.int32)
        union = self.counts + np.bitwise_count(row).sum(dtype=np.int32) - shared
        return float((shared / np.maximum(union, 1)).max())


@functools.cache
def _generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
