"""A Morgan fingerprint with descriptors, read by a perceptron.

Counted Morgan environments of radius 2, folded to `COUNTS` places, and RDKit's fast two-dimensional descriptors.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
from torch import Tensor, nn

from gear.config import EmbeddingConfig
from gear.data.molecules.molecule import parse
from gear.embeddings.base import Embedding
from gear.errors import InputDataError
from gear.model.input_scaler import InputScaler
from gear.model.perceptron import perceptron

__all__ = ["COUNTS", "DESCRIPTORS", "FingerprintEmbedding", "FingerprintNetwork"]

COUNTS = 1024
DESCRIPTORS = 43
LARGEST = 1e4  # of a descriptor; a few have no bound


class FingerprintNetwork(nn.Module):
    """A perceptron over counted Morgan environments and scaled descriptors.

    Models of version 0.1 normalise the descriptors by running statistics of the batches. Their weights are loaded as
    such, so that they predict what they did.
    """

    scaler: InputScaler | nn.BatchNorm1d

    def __init__(self, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.scaler = InputScaler(DESCRIPTORS, log_modulus=False)
        self.layers = perceptron(COUNTS + DESCRIPTORS, width, depth, dropout)

    def fit_inputs(self, fingerprint: Tensor) -> None:
        """Scale by the descriptors among the fingerprints (N, F) of the training molecules."""
        if isinstance(self.scaler, InputScaler):
            self.scaler.fit(fingerprint[:, COUNTS:])

    def forward(self, fingerprint: Tensor) -> Tensor:
        """Embeddings (B, width) of fingerprints (B, F)."""
        counts, descriptors = fingerprint.split([COUNTS, DESCRIPTORS], 1)
        embedded: Tensor = self.layers(torch.cat([counts, self.scaler(descriptors)], 1))
        return embedded

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:  # noqa: ANN401 - PyTorch's
        earlier = [name for name in state_dict if name.startswith(f"{prefix}norm.")]
        if earlier:
            self.scaler = nn.BatchNorm1d(DESCRIPTORS, affine=False).train(self.training)
        for name in earlier:
            state_dict[f"{prefix}scaler.{name.removeprefix(f'{prefix}norm.')}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class FingerprintEmbedding(Embedding):
    """log(1 + count) of each place, then the descriptors."""

    def features(self, smiles: Sequence[str]) -> np.ndarray:
        """Fingerprints (M, COUNTS + DESCRIPTORS) float32.

        Raises:
            InputDataError: a SMILES cannot be parsed.
        """
        morgan, described = _generators()
        counts = np.zeros((len(smiles), COUNTS), np.uint8)
        values = np.zeros((len(smiles), DESCRIPTORS), np.float32)
        for row, text in enumerate(smiles):
            mol = parse(text)
            if mol is None:
                raise InputDataError(f"cannot parse SMILES '{text}'")
            counts[row] = morgan.GetCountFingerprintAsNumPy(mol).clip(max=255)
            values[row] = np.nan_to_num(list(described.ComputeProperties(mol))).clip(-LARGEST, LARGEST)
        return np.concatenate([np.log1p(counts, dtype=np.float32), values], axis=1)

    def network(self, config: EmbeddingConfig) -> FingerprintNetwork:
        """The perceptron; depth counts its layers."""
        return FingerprintNetwork(config.width, config.depth, config.dropout)


@functools.cache
def _generators() -> tuple[rdFingerprintGenerator.FingerprintGenerator64, rdMolDescriptors.Properties]:
    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=COUNTS), rdMolDescriptors.Properties()
