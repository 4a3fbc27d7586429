"""What a pretraining depends on: the shape of the D-MPNN, how it is trained. Needs no torch."""

import dataclasses
from dataclasses import dataclass

from gear.config import Aggregation, EmbeddingConfig
from gear.errors import InputDataError

__all__ = ["SHAPE", "Recipe", "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of an `EmbeddingConfig` that pretrained weights fix, under the same names."""

    width: int
    depth: int
    aggregation: Aggregation = "norm"
    aggregation_norm: float = 10.0

    @classmethod
    def of(cls, embedding: EmbeddingConfig) -> "Shape":
        """The shape that a configuration asks for."""
        return cls(**{name: getattr(embedding, name) for name in SHAPE})

    def __str__(self) -> str:
        by = f"{self.aggregation} {self.aggregation_norm:g}" if self.aggregation == "norm" else self.aggregation
        return f"width {self.width}, depth {self.depth}, aggregation {by}"

    def misfit(self, embedding: EmbeddingConfig) -> str:
        """The first setting whose value in a configuration is another, in words; empty if there is none."""
        for name in SHAPE:
            asked, own = getattr(embedding, name), getattr(self, name)
            if asked != own and (name != "aggregation_norm" or self.aggregation == "norm"):
                return f"embedding.{name} is {asked}, but the pretrained weights have {own}"
        return ""


SHAPE = tuple(field.name for field in dataclasses.fields(Shape))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How weights are pretrained.

    Attributes:
        shape: of the D-MPNN.
        passes: over the molecules.
        batch_size: molecules of a step.
        learning_rate: the highest, of a one-cycle schedule.
        environments: how many of the most frequent Morgan environments are predicted beside the descriptors.
        seed: of the first weights and of the order of the molecules.
    """

    shape: Shape
    passes: int = 30
    batch_size: int = 128
    learning_rate: float = 3e-3
    environments: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            InputDataError: a number is out of range.
        """
        for name, value in {"width": self.shape.width, "depth": self.shape.depth, "passes": self.passes}.items():
            if value < 1:
                raise InputDataError(f"pretraining needs a {name} of at least 1, got {value}")
        if not self.shape.aggregation_norm > 0:
            raise InputDataError(f"aggregation_norm must be positive, got {self.shape.aggregation_norm}")
        for name, value in {"seed": self.seed, "number of environments": self.environments}.items():
            if value < 0:
                raise InputDataError(f"the {name} of a pretraining must be zero or positive, got {value}")
