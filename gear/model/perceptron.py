"""The hidden layers of embeddings that read one vector of features."""

import itertools

from torch import nn

__all__ = ["perceptron"]


def perceptron(inputs: int, width: int, depth: int, dropout: float) -> nn.Sequential:
    """`depth` layers of that width, each with ReLU and dropout, from vectors (B, inputs) to (B, width)."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise([inputs, *[width] * depth]):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)
