"""Prediction intervals by split conformal prediction, from errors on molecules that a model was not trained on.

A score is the absolute error of a molecule divided by its difficulty. The interval of 90 % reaches from the prediction
to the ceil(0.9 (n + 1))-th of n ascending scores, times the difficulty, in both directions. Where a further molecule is
drawn like those n, its value is inside with at least that probability, whatever the model, if it is one model that the
n molecules did not help to choose. Of others, such as the mean of several folds, coverage is measured (docs/method.md).
This is an average over molecules and not a promise for each of them.

Where molecules have several data points, which resemble each other, n counts molecules: each score weighs one over the
number of its molecule's, and the interval of 90 % reaches to the first score up to which weights sum to 0.9 (n + 1).
The same then holds for a random data point of a further molecule (Lee, Barber and Willett, "Distribution-free
inference with hierarchical data", 2023).

Errors are those of what a model sees: where it learns the logarithm, an interval reaches further upwards in the unit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gear.errors import InputDataError

__all__ = ["LEVELS", "Calibration", "Coverage", "coverage_numbers", "measure_coverage", "recorded_coverage"]

LEVELS = (50, 80, 90, 95)  # per cent, at which coverage is measured
SLOPE = 1.25  # of a molecule's difficulty; the same for all models, so it is not fitted to the scores (docs/method.md)
NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What prediction intervals are made of.

    Attributes:
        scores: (N,) absolute errors over the difficulty, ascending; infinite where a prediction was not finite.
        slope: of the difficulty, exp(slope * (1 - similarity)).
        log10: whether errors are those of the logarithm.
        weights: (N,) of the scores, one over the number of their molecule's; None where each is of another molecule.
    """

    scores: np.ndarray
    slope: float
    log10: bool
    weights: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        value: np.ndarray,
        prediction: np.ndarray,
        similarity: np.ndarray,
        *,
        log10: bool,
        molecules: np.ndarray | None = None,
    ) -> "Calibration":
        """From molecules that were not trained on.

        Args:
            value: (N,) true, in the property's unit.
            prediction: (N,) in the unit.
            similarity: (N,) to the nearest molecule that the prediction was learnt from, 0 to 1.
            log10: whether models see the logarithm.
            molecules: (N,) which molecule each value is of, where some have several.
        """
        seen = np.log10 if log10 else np.asarray
        error = np.abs(seen(prediction) - seen(value)) / _difficulty(similarity, SLOPE)
        scores, weights = np.where(np.isfinite(error), error, np.inf), _weights(molecules)
        order = np.argsort(scores, kind="stable")
        return cls(scores[order], SLOPE, log10, None if weights is None else weights[order])

    @property
    def molecules(self) -> int:
        """How many molecules the scores are of."""
        return len(self.scores) if self.weights is None else round(self.weights.sum())

    @property
    def highest(self) -> float:
        """The highest level, per cent, rounded down to a tenth."""
        return 1000 * self.molecules // (self.molecules + 1) / 10

    def check(self, level: float) -> None:
        """Refuse a level that cannot be given.

        Args:
            level: of an interval, per cent.

        Raises:
            InputDataError: it is no percentage, or there are too few molecules for it.
        """
        if not 1 <= level < 100:
            raise InputDataError(f"an interval of {level:g} %: give a percentage from 1 to below 100, such as 90")
        if self._reached(level) > self.molecules:
            needed = math.ceil(round(level / (100 - level), 9))
            raise InputDataError(
                f"an interval of {level:g} % needs at least {needed} validation molecules and this model has "
                f"{self.molecules}: ask for at most {self.highest:g} %"
            )

    def interval(self, prediction: np.ndarray, similarity: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends (B,) of prediction intervals, in the unit.

        Args:
            prediction: (B,) in the unit.
            similarity: (B,) to the nearest training molecule.
            level: per cent.

        Raises:
            InputDataError: see `check`.
        """
        self.check(level)
        weights = np.ones(len(self.scores)) if self.weights is None else self.weights
        below = np.cumsum(weights)[:-1].round(9)  # the last score reaches every level that is left
        half = self.scores[np.searchsorted(below, self._reached(level))] * _difficulty(similarity, self.slope)
        if self.log10:
            factor = 10.0**half
            return prediction / factor, prediction * factor
        return prediction - half, prediction + half

    def _reached(self, level: float) -> float:
        """What the weights must sum to up to the score of a level, per cent."""
        return round(level * (self.molecules + 1) / 100, 9)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many molecules have a value inside their interval.

    Attributes:
        level: that was asked for, per cent.
        share: of molecules whose value is inside, 0 to 1; of those with several, the mean of the shares of each one's.
        molecules: how many were looked at.
        width: mean width of the intervals, in the unit; each molecule counts once.
        points: how many values were looked at, where molecules have several; else None.
    """

    level: int
    share: float
    molecules: int
    width: float
    points: int | None = None

    @classmethod
    def count(
        cls, level: int, value: np.ndarray, low: np.ndarray, high: np.ndarray, molecules: np.ndarray | None = None
    ) -> "Coverage":
        """Of values (B,), at least one, with the ends of their intervals of a level.

        `molecules` (B,) says which molecule each value is of, where some have several.
        """
        weights = _weights(molecules)
        inside = np.average((low <= value) & (value <= high), weights=weights)
        width = np.average(high - low, weights=weights)
        if weights is None:
            return cls(level, float(inside), len(value), float(width))
        return cls(level, float(inside), round(weights.sum()), float(width), len(value))

    @property
    def ends(self) -> tuple[float, float]:
        """The 95 % confidence interval of the share, by Wilson's formula for binomial counts.

        A mean of shares of several values varies no more than a count of molecules, so the interval is at least as wide
        as it needs to be.
        """
        n, z2 = self.molecules, NORMAL_95**2
        middle = (self.share + z2 / (2 * n)) / (1 + z2 / n)
        half = NORMAL_95 / (1 + z2 / n) * math.sqrt(self.share * (1 - self.share) / n + z2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)

    @property
    def shown(self) -> str:
        """The share and its confidence interval: `86 % (78 to 92 %)`."""
        low, high = self.ends
        return f"{100 * self.share:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"

    def words(self, unit: str) -> str:
        """The coverage of the test part in a clause that is the same everywhere."""
        if self.points is None:
            inside = f"{round(self.share * self.molecules)} of {self.molecules} test molecules are inside their"
            held = f"{inside} {self.level} % interval, {self.shown}"
        else:
            held = (
                f"the {self.level} % intervals of a test molecule hold {self.shown} of its values, in the mean over "
                f"{self.molecules} molecules with {self.points} values"
            )
        return f"{held}; mean width {self.width:.4g} {unit}".removesuffix(" -").rstrip()


def measure_coverage(
    calibration: Calibration,
    value: np.ndarray,
    prediction: np.ndarray,
    similarity: np.ndarray,
    molecules: np.ndarray | None = None,
) -> list[Coverage]:
    """The coverage of every level that can be given, on values (B,), at least one, of other molecules.

    `molecules` (B,) says which molecule each value is of, where some have several.
    """
    return [
        Coverage.count(level, value, *calibration.interval(prediction, similarity, level), molecules)
        for level in LEVELS
        if level <= calibration.highest
    ]


def coverage_numbers(found: list[Coverage]) -> dict[str, float]:
    """Coverages as numbers to be recorded beside the scores of the same molecules.

    The number of molecules is among them where these have several values each.
    """
    numbers = {f"coverage_{c.level}": c.share for c in found} | {f"width_{c.level}_units": c.width for c in found}
    several = [c.molecules for c in found if c.points is not None]
    return numbers | ({"coverage_molecules": several[0]} if several else {})


def recorded_coverage(numbers: Mapping[str, float | str]) -> list[Coverage]:
    """The coverages among the recorded numbers of a test part, `test_coverage_90` and more."""

    def whole(name: str) -> int:
        return int(float(numbers[name]))

    counted = "test_coverage_molecules" in numbers
    return [
        Coverage(
            level,
            float(numbers[f"test_coverage_{level}"]),
            whole("test_coverage_molecules" if counted else "test_n"),
            float(numbers[f"test_width_{level}_units"]),
            whole("test_n") if counted else None,
        )
        for level in LEVELS
        if f"test_coverage_{level}" in numbers
    ]


def _weights(molecules: np.ndarray | None) -> np.ndarray | None:
    """The weight (N,) of each value, one over the number of its molecule's; None where each molecule has one."""
    if molecules is None:
        return None
    _, molecule, count = np.unique(molecules.astype(str), return_inverse=True, return_counts=True)
    return None if len(count) == len(molecules) else np.asarray(1 / count[molecule])


def _difficulty(similarity: np.ndarray, slope: float) -> np.ndarray:
    return np.asarray(np.exp(slope * (1 - similarity)))
