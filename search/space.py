"""The search space: pure functions from an Optuna trial to a configuration.

A dimension is named by its path in `TrialConfig`, so that the sampler's parameters, the configuration and what is
logged share their names. The space is unconditional: a multivariate sampler learns from every trial.
"""

import dataclasses
import functools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from gear.config import TrialConfig

__all__ = ["METHODS", "OPTIONAL", "Choice", "Float", "Integer", "Suggester", "defaults", "space", "suggest"]

Value = int | float | str


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


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few."""

    path: str
    choices: tuple[int, ...] | tuple[str, ...]

    def suggest(self, trial: Suggester) -> Value:
        """Ask the sampler."""
        value: Value = trial.suggest_categorical(self.path, self.choices)
        return value


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
_TRANSFER: tuple[Dimension, ...] = (
    Integer("transfer.depth", 1, 3),
    Integer("transfer.inverse_depth", 1, 3),
    Integer("transfer.width", 32, 128, step=16),
    Integer("transfer.frame", 50, 100, step=10),
)
_WEIGHTS: tuple[Dimension, ...] = (
    Float("weights.auto", 0.03, 1.0),
    Float("weights.cons", 0.03, 1.0),
    Float("weights.map", 0.1, 1.0),
    Float("weights.metric", 0.003, 0.3),
    Float("weights.curv", 0.1, 10.0),
)
_SPACES: dict[str, tuple[Dimension, ...]] = {
    "gear": _WEIGHTS + _TRANSFER + _NETWORK,
    "stl": _NETWORK,
}
# Searched on request, `--vary PATH ...`. No method but gear has a curvature to match.
_CURVATURE: tuple[Dimension, ...] = (
    Choice("curvature.matching", ("ricci", "mean_curvature", "hessian", "distance", "none")),
    Choice("curvature.discrepancy", ("mse", "concordance")),
    Choice("curvature.immersion", ("slice", "frame", "graph")),
    Choice("curvature.metric", ("roundtrip", "isometry")),
    Integer("curvature.slice_rank", 8, 40, step=8),
    Choice("curvature.every", (1, 2, 4, 8)),
    Integer("training.warm_start_epochs", 0, 20, step=5),
)
_TRAINING: tuple[Dimension, ...] = (Float("training.ema", 0.9, 0.99, log=False),)
OPTIONAL = tuple(dimension.path for dimension in _CURVATURE + _TRAINING)
METHODS = tuple(_SPACES)  # those of `gear.methods`, without importing torch to know them


def space(method: str, vary: Collection[str] = ()) -> tuple[Dimension, ...]:
    """The dimensions of a method's space, with those of the optional ones in `vary` that it has."""
    optional = _TRAINING + (_CURVATURE if method == "gear" else ())
    return _SPACES[method] + tuple(dimension for dimension in optional if dimension.path in vary)


def suggest(trial: Suggester, method: str, base: TrialConfig, vary: Collection[str] = ()) -> TrialConfig:
    """`base` with every dimension of the method's space chosen by the trial."""
    values = {dimension.path: dimension.suggest(trial) for dimension in space(method, vary)}
    return functools.reduce(_replace, values.items(), dataclasses.replace(base, method=method))


def defaults(method: str, base: TrialConfig, vary: Collection[str] = ()) -> dict[str, Value]:
    """The parameters at which `suggest` gives `base` back."""
    return {dimension.path: _get(base, dimension.path) for dimension in space(method, vary)}


def _get(config: TrialConfig, path: str) -> Value:
    group, name = path.split(".")
    value: Value = getattr(getattr(config, group), name)
    return value


def _replace(config: TrialConfig, item: tuple[str, Value]) -> TrialConfig:
    path, value = item
    group, name = path.split(".")
    return dataclasses.replace(config, **{group: dataclasses.replace(getattr(config, group), **{name: value})})
