"""The characters of the SMILES, read by convolution."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gear.config import EmbeddingConfig
from gear.data.pairs import PairData
from gear.device import send
from gear.embeddings.base import Embedding

__all__ = ["TextEmbedding", "TextNetwork", "TextStore"]

CHARACTERS = 128  # SMILES are ASCII; 0 pads
KERNEL = 5  # characters that a convolution sees at once


class TextStore:
    """The characters of all SMILES, one after the other."""

    def __init__(self, smiles: Sequence[str], device: torch.device) -> None:
        codes = np.frombuffer("".join(smiles).encode("ascii"), np.uint8)
        self.characters = torch.tensor(codes, device=device)
        self.lengths = torch.tensor([len(text) for text in smiles], dtype=torch.int64)  # on the CPU: sizes batches
        self.starts = (self.lengths.cumsum(0) - self.lengths).to(device)

    def batch(self, rows: Tensor) -> Tensor:
        """Characters (B, L) int64 of the molecules `rows` (B,), padded with 0 to the longest of them."""
        lengths = self.lengths[rows]
        device = self.starts.device
        places = torch.arange(int(lengths.max()), device=device)
        starts, lengths = self.starts[send(rows, device)], send(lengths, device)
        inside = places < lengths[:, None]
        found = self.characters[torch.where(inside, starts[:, None] + places, 0)]
        return torch.where(inside, found, 0).long()


class TextNetwork(nn.Module):
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


class TextEmbedding(Embedding):
    """The features are the SMILES themselves, so nothing is computed or cached."""

    def features(self, smiles: Sequence[str]) -> list[str]:
        """The SMILES."""
        return list(smiles)

    def prepare(self, pair: PairData) -> list[str]:
        """The SMILES of all molecules of a pair."""
        return list(pair.smiles)

    def store(self, features: Sequence[str], device: torch.device) -> TextStore:
        """Characters, of which batches are gathered."""
        return TextStore(features, device)

    def network(self, config: EmbeddingConfig) -> TextNetwork:
        """The convolutions; depth counts them."""
        return TextNetwork(config.width, config.depth, config.dropout)
