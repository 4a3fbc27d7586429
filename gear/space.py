"""Dimensions of a search space, each named by its path in `TrialConfig`. Needs neither torch nor Optuna."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

from gear.config import Value

__all__ = ["Choice", "Dimension", "Float", "Integer", "Suggester"]


class Suggester(Protocol):
    """The part of `optuna.Trial` that a space needs."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...  # noqa: D102
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int: ...  # noqa: D102
    def suggest_categorical(self, name: str, choices: Any) -> Any: ...  # noqa: ANN401, D102


@dataclass(frozen=True, slots=True)
class Float:
    """A real number.

    Attributes:
        low_share: probability of exactly `low`, for a setting that is off there: so much of the sampler's range lies
            below `low`, and what it draws there becomes `low`. A logarithmic range has none.
    """

    path: str
    low: float
    high: float
    log: bool = True
    low_share: float = 0.0

    def suggest(self, trial: Suggester) -> float:
        """Ask the sampler, which may give a number of NumPy's."""
        start = self.low - (self.high - self.low) * self.low_share / (1 - self.low_share)
        return max(self.low, float(trial.suggest_float(self.path, start, self.high, log=self.log)))

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
        """Ask the sampler, which may give a number of NumPy's."""
        return int(trial.suggest_int(self.path, self.low, self.high, step=self.step))

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
        """Ask the sampler, which may give a choice as NumPy has it."""
        return self.choices[self.choices.index(trial.suggest_categorical(self.path, self.choices))]

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - a recorded parameter
        """Whether it is one of the choices."""
        return value in self.choices

    def place(self, value: Value) -> tuple[float, ...]:
        """A corner for each choice, all at distance 1 from each other."""
        return tuple(math.sqrt(0.5) * (value == choice) for choice in self.choices)


Dimension = Float | Integer | Choice
