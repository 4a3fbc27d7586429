"""What a pretrained D-MPNN learns to predict of a molecule: RDKit's descriptors, and counts of Morgan environments.

Both follow from the molecule itself, so pretraining sees no label of any property.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor

from gear.data.molecules.descriptors import packed_descriptors
from gear.data.molecules.molecule import parse
from gear.data.parallel import map_chunks
from gear.errors import InputDataError
from gear.model.input_scaler import InputScaler

__all__ = ["frequent_environments", "targets"]

RADIUS = 2  # bonds around an atom


class Found(NamedTuple):
    """Environments of some molecules, one row for each that a molecule has."""

    molecules: int
    molecule: np.ndarray  # counted within these molecules
    environment: np.ndarray  # its number
    times: np.ndarray


def targets(parts: Sequence[Sequence[str]], environments: int) -> Tensor:
    """Targets (M, T) float32, centred, scaled to variance 1 and clipped, without those that do not vary.

    Args:
        parts: M canonical SMILES in one list or several; the descriptors of each list are cached.
        environments: maximum number of Morgan environments among the T targets, 0 for none.

    Raises:
        InputDataError: a SMILES cannot be parsed.
        StorageError: the cache cannot be written.
    """
    values = [np.concatenate([packed_descriptors(np.array(part, object)) for part in parts if len(part)])]
    if environments:
        values.append(frequent_environments([text for part in parts for text in part], environments))
    found = torch.from_numpy(np.concatenate(values, axis=1))
    scaler = InputScaler(found.shape[1], log_modulus=True)
    scaler.fit(found)
    scaled: Tensor = scaler(found)
    return scaled[:, scaler.varying]


def frequent_environments(smiles: Sequence[str], number: int) -> np.ndarray:
    """Counts (M, E) float32 of the environments that most molecules have, at most `number` of them.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    chunks = list(map_chunks(_environments, smiles, len(smiles), "environments"))
    starts = np.cumsum([0, *(chunk.molecules for chunk in chunks)])
    molecule = np.concatenate([chunk.molecule + start for chunk, start in zip(chunks, starts, strict=False)])
    environment = np.concatenate([chunk.environment for chunk in chunks])
    known, place, having = np.unique(environment, return_inverse=True, return_counts=True)
    chosen = np.argsort(-having, kind="stable")[:number]  # of equally frequent ones those with the lower number
    column = np.full(len(known), -1)
    column[chosen] = np.arange(len(chosen))
    kept = column[place] >= 0
    counts = np.zeros((len(smiles), len(chosen)), np.float32)
    counts[molecule[kept], column[place][kept]] = np.concatenate([chunk.times for chunk in chunks])[kept]
    return counts


def _environments(smiles: Sequence[str]) -> Found:
    rows: list[tuple[int, int, int]] = []
    for row, text in enumerate(smiles):
        mol = parse(text)
        if mol is None:
            raise InputDataError(f"cannot parse SMILES '{text}'")
        found = _generator().GetSparseCountFingerprint(mol).GetNonzeroElements()
        rows += [(row, environment, count) for environment, count in found.items()]
    table = np.array(rows, np.int64)
    return Found(len(smiles), table[:, 0], table[:, 1], table[:, 2])


@functools.cache
def _generator() -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS)
