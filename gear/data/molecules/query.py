"""Prepares molecules for a trained model. Does not import torch, so that worker processes start fast."""

import functools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file, save_file

from gear.config import EmbeddingKind
from gear.data.molecules.featurize import featurize_chunk
from gear.data.molecules.fingerprint import fingerprints_chunk
from gear.data.molecules.molecule import MoleculeError, cell_text, identity
from gear.data.molecules.pack import PackedGraphs
from gear.data.molecules.similarity import Neighbours, bit_fingerprints, bit_fingerprints_chunk
from gear.data.user_files.table_file import Cell

__all__ = ["Query", "prepare", "save_neighbours"]

TENSOR = "fingerprints"
SHOWN = 200  # characters of a reason


class Query(NamedTuple):
    """R SMILES, of which M are molecules, in the forms that a model reads; forms that it does not read are None."""

    reasons: list[str]  # (R,) why a SMILES cannot be used, empty if it can
    graphs: PackedGraphs | None
    fingerprints: np.ndarray | None  # (M, F) float32
    smiles: list[str]  # (M,) canonical, as training sees the molecule
    similarity: np.ndarray  # (M,) to the nearest training molecule, NaN if those are not known


def prepare(kinds: Collection[EmbeddingKind], neighbours: Path | None, cells: Sequence[Cell]) -> Query:
    """Prepare a few thousand molecules.

    Args:
        kinds: forms to compute.
        neighbours: file that `save_neighbours` wrote; None if similarity is not wanted.
        cells: (R,) SMILES, as they are in a file.
    """
    found = [_identity(cell) for cell in cells]
    smiles = [text for text, reason in found if not reason]
    return Query(
        [reason for _, reason in found],
        featurize_chunk(smiles) if "dmpnn" in kinds else None,
        fingerprints_chunk(smiles) if "fingerprint" in kinds else None,
        smiles,
        np.full(len(smiles), np.nan) if neighbours is None else _similarity(neighbours, smiles),
    )


def save_neighbours(path: Path, smiles: Sequence[str]) -> None:
    """Write the fingerprints of training molecules, with which other molecules are compared.

    Raises:
        OSError: the file cannot be written.
    """
    save_file({TENSOR: bit_fingerprints(smiles)}, path)


def _identity(cell: Cell) -> tuple[str, str]:
    try:
        return identity(cell_text(cell)), ""
    except MoleculeError as error:
        return "", str(error)[:SHOWN]


def _similarity(neighbours: Path, smiles: list[str]) -> np.ndarray:
    return _neighbours(neighbours, neighbours.stat().st_mtime_ns).nearest(bit_fingerprints_chunk(smiles))


@functools.lru_cache(maxsize=2)
def _neighbours(path: Path, _written: int) -> Neighbours:
    return Neighbours(load_file(path)[TENSOR])
