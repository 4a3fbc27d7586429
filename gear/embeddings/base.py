"""What an embedding provides: from SMILES to features, from features to a batch on the device, from there to vectors.

An embedding of your own gives `features` and `network`; docs/plugins/embedding.md shows one. Importing this needs no
torch, since processes that only compute features start faster without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from gear.config import EmbeddingConfig
from gear.data.pairs import PairData
from gear.embeddings.feature_cache import cached_features

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["Embedding", "Store"]


class Store(Protocol):
    """Features of M molecules on a device."""

    def batch(self, rows: "Tensor") -> Any:  # noqa: ANN401 - whatever the embedding's network reads
        """The form that the network reads, of the molecules `rows` (B,), an int64 CPU tensor, in that order."""


class Embedding(ABC):
    """A kind of embedding. It is made without arguments and keeps no state; what it learns is in its network.

    Attributes:
        version: version of whatever `features` depends on besides the file of its class; cached features of another
            version are not used.
    """

    version: ClassVar[str] = ""

    @abstractmethod
    def features(self, smiles: Sequence[str]) -> Any:  # noqa: ANN401 - whatever `store` reads
        """Features of M molecules, between one and a few thousand, computed in this process.

        An array (M, F) of finite numbers, unless `prepare` and `store` are overridden.

        Args:
            smiles: (M,) canonical, without stereochemistry and isotopes.
        """

    @abstractmethod
    def network(self, config: EmbeddingConfig) -> "nn.Module":
        """An untrained module from a batch of the store to vectors (B, `config.width`), on the CPU.

        A batch is a float32 tensor (B, F), unless `store` is overridden.

        Args:
            config: sizes; a network may ignore those that it does not need.
        """

    def prepare(self, pair: PairData) -> Any:  # noqa: ANN401 - as `features`
        """Features of all molecules of a pair, computed at the first call and read from the cache after that.

        A campaign calls this once before its trials start.

        Raises:
            InputDataError: the features are not an array (M, F) of finite numbers.
            StorageError: the cache cannot be written.
        """
        return cached_features(self, list(pair.smiles))

    def store(self, features: Any, device: "torch.device") -> Store:  # noqa: ANN401 - as `features`
        """Hold features of M molecules on a device."""
        from gear.embeddings.tensor_store import TensorStore  # torch, a second

        return TensorStore(np.asarray(features, np.float32), device)
