"""From a molecule to a vector: the embeddings that a branch can be built on.

An embedding is a module from its own form of B molecules (`MoleculeBatch.read_by`) to vectors (B, width). Besides the
D-MPNN there is a perceptron over a Morgan fingerprint with descriptors, and a convolution over the characters of the
SMILES; branches of different kinds meet in one frame all the same.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from gear.config import EmbeddingConfig
from gear.data.molecules.fingerprint import COUNTS, DESCRIPTORS
from gear.data.molecules.pack import ATOM_FEATURES, BOND_FEATURES
from gear.model.dmpnn import DMPNN
from gear.model.molecules import CHARACTERS, MoleculeBatch

__all__ = ["Embedding", "FingerprintEmbedding", "TextEmbedding"]

KERNEL = 5  # characters that a convolution sees at once


class FingerprintEmbedding(nn.Module):
    """A perceptron over counted Morgan environments and descriptors, which are normalised over the batch first."""

    def __init__(self, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(DESCRIPTORS, affine=False)
        sizes = [COUNTS + DESCRIPTORS, *[width] * depth]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, fingerprint: Tensor) -> Tensor:
        """Embeddings (B, width) of fingerprints (B, F)."""
        counts, descriptors = fingerprint.split([COUNTS, DESCRIPTORS], 1)
        embedded: Tensor = self.layers(torch.cat([counts, self.norm(descriptors)], 1))
        return embedded


class TextEmbedding(nn.Module):
    """Residual convolutions over the characters of a SMILES, then their mean and maximum."""

    def __init__(self, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.characters = nn.Embedding(CHARACTERS, width, padding_idx=0)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2) for _ in range(depth))
        self.pooled = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: Tensor) -> Tensor:
        """Embeddings (B, width) of characters (B, L); padding does not count, nor leak into what does."""
        inside = (text > 0)[:, None].float()  # (B, 1, L)
        h = self.characters(text).mT  # (B, width, L)
        for layer in self.layers:
            h = h + inside * self.dropout(functional.relu(layer(h)))
        mean = h.sum(2) / inside.sum(2)
        highest = h.masked_fill(inside == 0, -torch.inf).amax(2)
        embedded: Tensor = functional.relu(self.pooled(torch.cat([mean, highest], 1)))
        return embedded


class Embedding(nn.Module):
    """The embedding that a configuration names, reading its form of the molecules."""

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        self.kind = config.kind
        self.network: nn.Module
        match config.kind:
            case "dmpnn":
                self.network = DMPNN(
                    ATOM_FEATURES,
                    BOND_FEATURES,
                    config.width,
                    config.depth,
                    config.dropout,
                    config.aggregation,
                    config.aggregation_norm,
                )
            case "fingerprint":
                self.network = FingerprintEmbedding(config.width, config.depth, config.dropout)
            case "text":
                self.network = TextEmbedding(config.width, config.depth, config.dropout)

    def forward(self, molecules: MoleculeBatch) -> Tensor:
        """Embeddings (B, width)."""
        embedded: Tensor = self.network(molecules.read_by(self.kind))
        return embedded
