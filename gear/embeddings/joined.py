"""Several forms of a molecule together: embeddings joined by `+`, such as `dmpnn+descriptors`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gear.config import EmbeddingConfig
from gear.embeddings.base import Embedding, Store

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gear.data.pairs import PairData
    from gear.model.joined import JoinedNetwork

__all__ = ["JoinedEmbedding"]


class JoinedStore:
    """The stores of the parts."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = stores

    def batch(self, rows: "Tensor") -> tuple[Any, ...]:
        """What the network of each part reads, of the molecules `rows` (B,)."""
        return tuple(store.batch(rows) for store in self.stores)


class JoinedEmbedding(Embedding):
    """Features, batches and networks of the parts, side by side in tuples.

    Args:
        parts: two or more.
    """

    def __init__(self, parts: Sequence[Embedding]) -> None:
        self.parts = tuple(parts)

    def features(self, smiles: Sequence[str]) -> tuple[Any, ...]:
        """Those of every part."""
        return tuple(part.features(smiles) for part in self.parts)

    def prepare(self, pair: "PairData") -> tuple[Any, ...]:
        """Those of every part, each from its own cache."""
        return tuple(part.prepare(pair) for part in self.parts)

    def store(self, features: tuple[Any, ...], device: "torch.device") -> JoinedStore:
        """The stores of the parts."""
        return JoinedStore([part.store(found, device) for part, found in zip(self.parts, features, strict=True)])

    def network(self, config: EmbeddingConfig) -> "JoinedNetwork":
        """The networks of the parts, added up."""
        from gear.model.joined import JoinedNetwork

        return JoinedNetwork([part.network(config) for part in self.parts], config.width)
