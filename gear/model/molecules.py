"""Batches of molecules in the forms that embeddings read: a graph, a fingerprint with descriptors, or SMILES text."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.config import EmbeddingKind
from gear.data.molecules.pack import PackedGraphs
from gear.device import send
from gear.model.graphs import GraphBatch, GraphStore

__all__ = ["CHARACTERS", "MoleculeBatch", "MoleculeStore"]

CHARACTERS = 128  # SMILES are ASCII; 0 pads


class MoleculeBatch(NamedTuple):
    """B molecules, each form of which is None unless the store was told to hold it."""

    size: int
    dmpnn: GraphBatch | None = None
    fingerprint: Tensor | None = None  # (B, F)
    text: Tensor | None = None  # (B, L) int64, characters padded with 0 to the longest SMILES of the batch

    def read_by(self, kind: EmbeddingKind) -> GraphBatch | Tensor:
        """The form that an embedding of this kind reads."""
        form: GraphBatch | Tensor | None = getattr(self, kind)
        assert form is not None, f"the store was not asked for {kind}"
        return form


class MoleculeStore:
    """Molecules as tensors on a device, from which batches are gathered. Give the forms that embeddings will read.

    Args:
        device: where batches live.
        graphs: of the M molecules.
        fingerprints: (M, F), see `gear.data.molecules.fingerprint`.
        smiles: (M,) canonical.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        graphs: PackedGraphs | None = None,
        fingerprints: np.ndarray | None = None,
        smiles: Sequence[str] | None = None,
    ) -> None:
        self.device = device
        self.graphs = None if graphs is None else GraphStore(graphs, device)
        self.fingerprints = None if fingerprints is None else torch.from_numpy(fingerprints).to(device)
        self.texts = None if smiles is None else TextStore(smiles, device)

    def batch(self, rows: Tensor) -> MoleculeBatch:
        """Gather the molecules `rows` (B,), given on the CPU, in that order."""
        return MoleculeBatch(
            len(rows),
            None if self.graphs is None else self.graphs.batch(rows),
            None if self.fingerprints is None else self.fingerprints[send(rows, self.device)],
            None if self.texts is None else self.texts.batch(rows),
        )


class TextStore:
    """The characters of all SMILES, one after the other."""

    def __init__(self, smiles: Sequence[str], device: torch.device) -> None:
        codes = np.frombuffer("".join(smiles).encode("ascii"), np.uint8)
        self.characters = torch.tensor(codes, device=device)
        self.lengths = torch.tensor([len(text) for text in smiles], dtype=torch.int64)  # on the CPU: sizes batches
        self.starts = (self.lengths.cumsum(0) - self.lengths).to(device)

    def batch(self, rows: Tensor) -> Tensor:
        """Characters (B, L) of the molecules `rows` (B,), on the CPU."""
        lengths = self.lengths[rows]
        device = self.starts.device
        places = torch.arange(int(lengths.max()), device=device)
        starts, lengths = self.starts[send(rows, device)], send(lengths, device)
        inside = places < lengths[:, None]
        found = self.characters[torch.where(inside, starts[:, None] + places, 0)]
        return torch.where(inside, found, 0).long()
