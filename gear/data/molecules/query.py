"""Prepares molecules for a trained model. Does not import torch, so that worker processes start fast."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file, save_file

from gear.data.molecules.molecule import MoleculeError, cell_text, identity
from gear.data.molecules.similarity import Neighbours, bit_fingerprints, bit_fingerprints_chunk
from gear.data.user_files.table_file import Cell

__all__ = ["Query", "make_query", "save_neighbours"]

TENSOR = "fingerprints"
SHOWN = 200  # characters of a reason


class Query(NamedTuple):
    """R SMILES, of which M are molecules, with the features that a model reads."""

    reasons: list[str]  # (R,) why a SMILES cannot be used, empty if it can
    features: dict[str, Any]  # of the M molecules, by the kind of embedding that reads them; empty if M is 0
    smiles: list[str]  # (M,) canonical, as training sees the molecule
    similarity: np.ndarray  # (M,) to the nearest training molecule, NaN if those are not known


def make_query(
    features: Mapping[str, Callable[[list[str]], Any]], neighbours: Path | None, cells: Sequence[Cell]
) -> Query:
    """Prepare a few thousand molecules.

    Args:
        features: the function that computes them for each kind of embedding, `gear.embeddings.Embedding.features`.
        neighbours: file that `save_neighbours` wrote; None if similarity is not wanted.
        cells: (R,) SMILES, as they are in a file.
    """
    found = [_identity(cell) for cell in cells]
    smiles = [text for text, reason in found if not reason]
    return Query(
        [reason for _, reason in found],
        {kind: compute(smiles) for kind, compute in features.items()} if smiles else {},
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
