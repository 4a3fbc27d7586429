"""Batches of molecules in the forms that embeddings read."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.device import send
from gear.embeddings.base import Store
from gear.embeddings.registry import get_embedding

__all__ = ["MoleculeBatch", "MoleculeStore"]


class MoleculeBatch(NamedTuple):
    """B molecules in some forms, and the user's feature columns where models read any."""

    size: int
    forms: Mapping[str, Any]  # by the kind of embedding that reads it
    columns: Tensor | None = None  # (B, F) float32, as they are in the table; NaN where one is not known

    def read_by(self, kind: str) -> Any:  # noqa: ANN401 - what the embedding's network reads
        """The form that an embedding of this kind reads."""
        return self.forms[kind]


class MoleculeStore:
    """M molecules on a device, from which batches are gathered.

    Args:
        features: of the molecules, by the kind of embedding that reads them.
        device: where batches live.
        columns: (P, F), the feature columns of P data points; then it is data points that are gathered.
        molecule: (P,) int64, the molecule of each data point; None if each has its own.
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        device: torch.device,
        columns: np.ndarray | None = None,
        molecule: np.ndarray | None = None,
    ) -> None:
        self.stores: dict[str, Store] = {
            kind: get_embedding(kind).store(found, device) for kind, found in features.items()
        }
        self.columns = None if columns is None else torch.tensor(columns, dtype=torch.float32, device=device)
        self.molecule = None if molecule is None else torch.tensor(molecule, dtype=torch.int64)

    def batch(self, rows: Tensor, *more: Tensor) -> MoleculeBatch:
        """Gather the molecules, or data points, `rows` (B,), given on the CPU, in that order.

        Several are the batches of the members of an array of models, which read graphs and no columns.
        """
        if more:
            forms = {kind: store.batch(rows, *more) for kind, store in self.stores.items()}
            return MoleculeBatch(max(map(len, (rows, *more))), forms)
        molecules = rows if self.molecule is None else self.molecule[rows]
        forms = {kind: store.batch(molecules) for kind, store in self.stores.items()}
        columns = None if self.columns is None else self.columns[send(rows, self.columns.device)]
        return MoleculeBatch(len(rows), forms, columns)
