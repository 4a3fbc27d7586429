"""RDKit's full set of two-dimensional descriptors, read by a perceptron."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from gear.config import EmbeddingConfig
from gear.data.molecules.descriptors import descriptor_names, descriptors, packed_descriptors
from gear.data.pairs import PairData
from gear.embeddings.base import Embedding
from gear.model.input_scaler import InputScaler
from gear.model.perceptron import perceptron

__all__ = ["DescriptorEmbedding", "DescriptorNetwork"]


class DescriptorNetwork(nn.Module):
    """A perceptron over scaled descriptors."""

    def __init__(self, inputs: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.scaler = InputScaler(inputs, log_modulus=True)
        self.layers = perceptron(inputs, width, depth, dropout)

    def fit_inputs(self, values: Tensor) -> None:
        """Scale by the descriptors (N, D) of the training molecules."""
        self.scaler.fit(values)

    def forward(self, values: Tensor) -> Tensor:
        """Embeddings (B, width) of descriptors (B, D)."""
        embedded: Tensor = self.layers(self.scaler(values))
        return embedded


class DescriptorEmbedding(Embedding):
    """The values as RDKit gives them, NaN where it gives no finite number; the network scales them."""

    def features(self, smiles: Sequence[str]) -> np.ndarray:
        """Descriptors (M, D) float32."""
        return descriptors(smiles)

    def prepare(self, pair: PairData) -> np.ndarray:
        """Descriptors of all molecules of a pair, in a cache of their own that the references share."""
        return packed_descriptors(np.asarray(pair.smiles))

    def network(self, config: EmbeddingConfig) -> DescriptorNetwork:
        """The perceptron; depth counts its layers."""
        return DescriptorNetwork(len(descriptor_names()), config.width, config.depth, config.dropout)
