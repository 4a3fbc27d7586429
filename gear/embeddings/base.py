"""What an embedding provides: from SMILES to features, from features to a batch on the device, from there to vectors.

An embedding of your own gives `features` and `network`; docs/plugins/embedding.md shows one. Importing this needs no
torch, since processes that only compute features have no use for it.
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
        """What the network reads of the molecules `rows` (B,), int64 on the CPU, in that order."""


class Embedding(ABC):
    """A kind of embedding. It is made without arguments and keeps no state; what it learns is in its network.

    Attributes:
        version: of what `features` depends on beside the file of its class; cached features of another version are
            not used.
    """

    version: ClassVar[str] = ""

    @abstractmethod
    def features(self, smiles: Sequence[str]) -> Any:  # noqa: ANN401 - whatever `store` reads
        """Features of M molecules, some thousand at most and at least one, computed in this process.

        As long as `prepare` and `store` are not replaced: an array (M, F) of finite numbers.

        Args:
            smiles: (M,) canonical, without stereochemistry and isotopes.
        """

    @abstractmethod
    def network(self, config: EmbeddingConfig) -> "nn.Module":
        """An untrained module from a batch of the store to vectors (B, `config.width`), on the CPU.

        As long as `store` is not replaced, a batch is a float32 tensor (B, F).

        Args:
            config: sizes; those that the network has no use for are ignored.
        """

    def prepare(self, pair: PairData) -> Any:  # noqa: ANN401 - as `features`
        """Features of all molecules of a pair, computed at the first call and read from the cache ever after.

        A campaign calls this once before its trials start.

        Raises:
            InputDataError: the features are no array (M, F) of finite numbers.
            StorageError: the cache cannot be written.
        """
        return cached_features(self, list(pair.smiles))

    def store(self, features: Any, device: "torch.device") -> Store:  # noqa: ANN401 - as `features`
        """Hold features of M molecules on a device."""
        from gear.model.molecules import TensorStore  # torch, a second

        return TensorStore(np.asarray(features, np.float32), device)
