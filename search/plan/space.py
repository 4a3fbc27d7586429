"""The search space: pure functions from an Optuna trial to a configuration.

A dimension is named by its path in `TrialConfig`, so that the sampler's parameters, the configuration and what is
logged share their names. The space is unconditional: a multivariate sampler learns from every trial.
A variant (`gear.variants`) is searched like the method it belongs to, without what it fixes.
"""

import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from gear.config import TrialConfig
from gear.embeddings import EMBEDDINGS
from gear.variants import Value, get_value, method_of, with_values

__all__ = [
    "METHODS",
    "OPTIONAL",
    "Choice",
    "Dimension",
    "Float",
    "Integer",
    "Suggester",
    "base_of",
    "defaults",
    "space",
    "suggest",
]


class Suggester(Protocol):
    """The part of `optuna.Trial` that a space needs."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...  # noqa: D102
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int: ...  # noqa: D102
    def suggest_categorical(self, name: str, choices: Any) -> Any: ...  # noqa: ANN401, D102


@dataclass(frozen=True, slots=True)
class Float:
    """A real number."""

    path: str
    low: float
    high: float
    log: bool = True

    def suggest(self, trial: Suggester) -> float:
        """Ask the sampler."""
        return trial.suggest_float(self.path, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - a recorded parameter
        """Whether it is a value of this dimension."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def place(self, value: float) -> tuple[float, ...]:
        """Where a value lies, 0 to 1."""
        if self.log:
            return (math.log(value / self.low) / math.log(self.high / self.low),)
        return ((value - self.low) / (self.high - self.low),)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number, in steps."""

    path: str
    low: int
    high: int
    step: int = 1

    def suggest(self, trial: Suggester) -> int:
        """Ask the sampler."""
        return trial.suggest_int(self.path, self.low, self.high, step=self.step)

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - a recorded parameter
        """Whether it is a value of this dimension."""
        return isinstance(value, int) and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def place(self, value: float) -> tuple[float, ...]:
        """Where a value lies, 0 to 1."""
        return ((value - self.low) / (self.high - self.low),)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few."""

    path: str
    choices: tuple[bool, ...] | tuple[int, ...] | tuple[str, ...]

    def suggest(self, trial: Suggester) -> Value:
        """Ask the sampler."""
        value: Value = trial.suggest_categorical(self.path, self.choices)
        return value

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - a recorded parameter
        """Whether it is one of the choices."""
        return value in self.choices

    def place(self, value: Value) -> tuple[float, ...]:
        """A corner for each choice, all at distance 1 from each other."""
        return tuple(math.sqrt(0.5) * (value == choice) for choice in self.choices)


Dimension = Float | Integer | Choice

# Upper bounds are moderate: a search on a laptop spends its time on many small models, not on a few large ones.
_NETWORK: tuple[Dimension, ...] = (
    Integer("embedding.depth", 2, 5),
    Integer("embedding.width", 48, 160, step=16),
    Float("embedding.dropout", 0.0, 0.3, log=False),
    Integer("encoder.depth", 1, 2),
    Integer("encoder.width", 32, 128, step=16),
    Float("training.learning_rate", 1e-3, 5e-3),
    Float("training.weight_decay", 1e-6, 1e-2),
    Choice("training.batch_size", (32, 64, 128)),
)
_SOURCE_EPOCHS = Integer("training.source_epochs", 5, 40, step=5)
_TRANSFER: tuple[Dimension, ...] = (
    Choice("training.warm_start", (False, True)),
    _SOURCE_EPOCHS,
    Integer("transfer.depth", 1, 3),
    Integer("transfer.inverse_depth", 1, 3),
    Integer("transfer.width", 32, 128, step=16),
    Integer("transfer.frame", 50, 100, step=10),
)
_ALIGNMENT: tuple[Dimension, ...] = (
    Float("weights.auto", 0.03, 1.0),
    Float("weights.cons", 0.03, 1.0),
    Float("weights.map", 0.1, 1.0),
)
_DISTILLED: tuple[Dimension, ...] = (Float("weights.distil", 0.03, 3.0), _SOURCE_EPOCHS)
_SPACES: dict[str, tuple[Dimension, ...]] = {
    "gear": (*_ALIGNMENT, Float("weights.metric", 0.003, 0.3), Float("weights.curv", 0.1, 10.0), *_TRANSFER, *_NETWORK),
    "gate": (*_ALIGNMENT, Float("weights.dist", 0.03, 3.0), *_TRANSFER, *_NETWORK),
    "stl": _NETWORK,
    "mtl": (Float("weights.source", 0.03, 3.0), *_NETWORK),
    "finetune_all": (_SOURCE_EPOCHS, *_NETWORK),
    "finetune_head": (_SOURCE_EPOCHS, *_NETWORK),
    "kd": _DISTILLED + _NETWORK,
    "gsp_kd": _DISTILLED + _NETWORK,
}
METHODS = tuple(_SPACES)  # those of `gear.methods`, without importing torch to know them

# Searched on request, `--vary PATH ...`, by the methods that have them.
_KINDS = tuple(EMBEDDINGS)
_OPTIONAL: dict[str, tuple[Dimension, ...]] = {
    "gear": (
        Choice("curvature.matching", ("ricci", "mean_curvature", "hessian", "distance", "none")),
        Choice("curvature.discrepancy", ("mse", "concordance")),
        Choice("curvature.immersion", ("slice", "frame", "graph")),
        Choice("curvature.metric", ("roundtrip", "isometry")),
        Integer("curvature.slice_rank", 8, 40, step=8),
        Choice("curvature.every", (1, 2, 4, 8)),
    ),
    "gear kd gsp_kd": (Choice("embedding.source_kind", ("same", *_KINDS)),),
    " ".join(METHODS): (Choice("embedding.kind", _KINDS), Float("training.ema", 0.9, 0.99, log=False)),
}
OPTIONAL = tuple(dimension.path for dimensions in _OPTIONAL.values() for dimension in dimensions)


def space(name: str, vary: Collection[str] = ()) -> tuple[Dimension, ...]:
    """The dimensions of a method's or variant's space, with those of the optional ones in `vary` that it has."""
    variant = method_of(name)
    optional = (dimensions for methods, dimensions in _OPTIONAL.items() if variant.method in methods.split())
    asked = (dimension for dimensions in optional for dimension in dimensions if dimension.path in vary)
    return tuple(d for d in (*_SPACES[variant.method], *asked) if d.path not in variant.fixed)


def base_of(name: str, base: TrialConfig) -> TrialConfig:
    """The configuration of a method or variant before the search changes it."""
    variant = method_of(name)
    return with_values(dataclasses.replace(base, method=variant.method), variant.fixed)


def suggest(trial: Suggester, name: str, base: TrialConfig, vary: Collection[str] = ()) -> TrialConfig:
    """`base_of` the name with every dimension of its space chosen by the trial."""
    return with_values(
        base_of(name, base), {dimension.path: dimension.suggest(trial) for dimension in space(name, vary)}
    )


def defaults(name: str, base: TrialConfig, vary: Collection[str] = ()) -> dict[str, Value]:
    """The parameters at which `suggest` gives `base_of` the name back."""
    return {dimension.path: get_value(base, dimension.path) for dimension in space(name, vary)}
