"""What a classical method fits: from inputs and labels to buffers, from buffers and inputs to predictions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from gear.config import Value

__all__ = ["Regressor", "check_shapes", "drawn", "squared_distances"]


class Regressor(nn.Module, ABC):
    """A regression whose state is in buffers, as safetensors hold them.

    Attributes:
        max_labels: from how many labels it learns; where there are more, from so many at random. None for no limit.
    """

    max_labels: ClassVar[int | None] = None

    @classmethod
    @abstractmethod
    def of(cls, settings: Mapping[str, Value]) -> Self:
        """The regressor of a method's settings; those of other regressors are ignored."""

    @abstractmethod
    def fit(self, inputs: Tensor, labels: Tensor, seed: int = 0) -> None:
        """Learn from inputs (N, F) and labels (N,), both float64."""

    @abstractmethod
    def check(self, inputs: int) -> None:
        """Check that what was loaded can predict from so many inputs F.

        Raises:
            ValueError: it cannot; the message says why.
        """

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions (B,) float64 for inputs (B, F)."""


def check_shapes(module: nn.Module, **shapes: tuple[int, ...]) -> None:
    """Check the shapes of a module's buffers, by their names.

    Raises:
        ValueError: one has another shape.
    """
    for name, shape in shapes.items():
        if (found := tuple(getattr(module, name).shape)) != shape:
            raise ValueError(f"{name} of {type(module).__name__} has shape {found}, not {shape}")


def drawn(rows: Tensor, most: int | None, seed: int) -> Tensor:
    """At most `most` of the rows (N,), drawn without replacement, in random order; all of them if it is None."""
    chosen = np.random.default_rng(seed).permutation(len(rows))[:most]
    return rows[torch.from_numpy(chosen).to(rows.device)]


def squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """Between all points (B, F) and (N, F), as (B, N)."""
    products = one @ other.mT
    return (one.square().sum(1)[:, None] + other.square().sum(1) - 2 * products).clamp(min=0)
