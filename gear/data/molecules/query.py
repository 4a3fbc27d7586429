"""Prepares molecules for a trained model. Does not import torch, so that worker processes start fast."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file, save

from gear.data.molecules.molecule import MoleculeError, cell_text, identity
from gear.data.molecules.similarity import BITS, Neighbours, bit_fingerprints, bit_fingerprints_chunk
from gear.data.user_files.table_file import Cell

__all__ = ["Asked", "Query", "check_neighbours", "make_query", "save_neighbours"]

TENSOR = "fingerprints"
SHOWN = 200  # characters of a reason


class Asked(NamedTuple):
    """A row that is to be predicted."""

    smiles: Cell  # as it is in a file
    columns: tuple[float, ...] = ()  # the feature columns, (F,)
    fault: str = ""  # why the row cannot be used, if that is known already


class Query(NamedTuple):
    """R rows, of which M are molecules that can be predicted, with what a model reads of them."""

    reasons: list[str]  # (R,) why a row cannot be used, empty if it can
    features: dict[str, Any]  # of the M molecules, by the kind of embedding that reads them; empty if M is 0
    smiles: list[str]  # (M,) canonical, as training sees the molecule
    similarity: np.ndarray  # (M,) to the nearest training molecule, NaN if those are not known
    columns: np.ndarray | None = None  # (M, F) the feature columns, if the model reads any


def make_query(
    features: Mapping[str, Callable[[list[str]], Any]], neighbours: Path | None, rows: Sequence[Asked]
) -> Query:
    """Prepare a few thousand molecules.

    Args:
        features: the function that computes them for each kind of embedding, `gear.embeddings.Embedding.features`.
        neighbours: file that `save_neighbours` wrote; None if similarity is not wanted.
        rows: (R,), with the same number of feature columns each.
    """
    found = [("", row.fault) if row.fault else _identity(row.smiles) for row in rows]
    smiles = [text for text, reason in found if not reason]
    columns = [row.columns for row, (_, reason) in zip(rows, found, strict=True) if not reason]
    return Query(
        [reason for _, reason in found],
        {kind: compute(smiles) for kind, compute in features.items()} if smiles else {},
        smiles,
        np.full(len(smiles), np.nan) if neighbours is None else _similarity(neighbours, smiles),
        np.array(columns) if columns and columns[0] else None,
    )


def save_neighbours(path: Path, smiles: Sequence[str]) -> None:
    """Write the fingerprints of training molecules, with which other molecules are compared.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(save({TENSOR: bit_fingerprints(smiles)}))


def check_neighbours(path: Path) -> None:
    """Check a file that `save_neighbours` may have written.

    Raises:
        ValueError: it holds something else.
        OSError, SafetensorError: it cannot be read.
    """
    found = load_file(path).get(TENSOR)
    if found is None or found.dtype != np.uint8 or found.ndim != 2 or found.shape[1] != BITS // 8 or not len(found):
        raise ValueError(f"{path.name} holds no fingerprints")


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
