"""Batches of molecules in the forms that embeddings read."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gear.embeddings.base import Store
from gear.embeddings.registry import get_embedding

__all__ = ["MoleculeBatch", "MoleculeStore"]


class MoleculeBatch(NamedTuple):
    """B molecules in some forms."""

    size: int
    forms: Mapping[str, Any]  # by the kind of embedding that reads it

    def read_by(self, kind: str) -> Any:  # noqa: ANN401 - what the embedding's network reads
        """The form that an embedding of this kind reads."""
        return self.forms[kind]


class MoleculeStore:
    """M molecules on a device, from which batches are gathered.

    Args:
        features: of the molecules, by the kind of embedding that reads them.
        device: where batches live.
    """

    def __init__(self, features: Mapping[str, Any], device: torch.device) -> None:
        self.stores: dict[str, Store] = {
            kind: get_embedding(kind).store(found, device) for kind, found in features.items()
        }

    def batch(self, rows: Tensor) -> MoleculeBatch:
        """Gather the molecules `rows` (B,), given on the CPU, in that order."""
        return MoleculeBatch(len(rows), {kind: store.batch(rows) for kind, store in self.stores.items()})
