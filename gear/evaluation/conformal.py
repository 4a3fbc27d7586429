"""Prediction intervals by split conformal prediction, from errors on molecules that a model was not trained on.

A score is the absolute error of a molecule divided by its difficulty. The interval of 90 % reaches from the prediction
to the ceil(0.9 (n + 1))-th of n ascending scores, times the difficulty, in both directions. Where a further molecule is
drawn like those n, its value is inside with at least that probability, whatever the model. This is an average over
molecules and not a promise for each of them.

Errors are those of what a model sees: where it learns the logarithm, an interval reaches further upwards in the unit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gear.errors import InputDataError

__all__ = ["LEVELS", "Calibration", "Coverage", "coverage_numbers", "measure_coverage", "recorded_coverage"]

LEVELS = (50, 80, 90, 95)  # per cent, at which coverage is measured
SLOPE = 1.25  # of a molecule's difficulty; the same for all models, so that coverage is exact (docs/method.md)
NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What prediction intervals are made of.

    Attributes:
        scores: (N,) absolute errors over the difficulty, ascending; infinite where a prediction was not finite.
        slope: of the difficulty, exp(slope * (1 - similarity)).
        log10: whether errors are those of the logarithm.
    """

    scores: np.ndarray
    slope: float
    log10: bool

    @classmethod
    def fit(cls, value: np.ndarray, prediction: np.ndarray, similarity: np.ndarray, *, log10: bool) -> "Calibration":
        """From molecules that were not trained on.

        Args:
            value: (N,) true, in the property's unit.
            prediction: (N,) in the unit.
            similarity: (N,) to the nearest molecule that the prediction was learnt from, 0 to 1.
            log10: whether models see the logarithm.
        """
        seen = np.log10 if log10 else np.asarray
        error = np.abs(seen(prediction) - seen(value)) / _difficulty(similarity, SLOPE)
        return cls(np.sort(np.where(np.isfinite(error), error, np.inf)), SLOPE, log10)

    @property
    def highest(self) -> float:
        """The highest level, per cent, rounded down to a tenth."""
        return 1000 * len(self.scores) // (len(self.scores) + 1) / 10

    def check(self, level: float) -> None:
        """Refuse a level that cannot be given.

        Args:
            level: of an interval, per cent.

        Raises:
            InputDataError: it is no percentage, or there are too few molecules for it.
        """
        if not 1 <= level < 100:
            raise InputDataError(f"an interval of {level:g} %: give a percentage from 1 to below 100, such as 90")
        if _rank(level, len(self.scores)) > len(self.scores):
            needed = math.ceil(round(level / (100 - level), 9))
            raise InputDataError(
                f"an interval of {level:g} % needs at least {needed} validation molecules and this model has "
                f"{len(self.scores)}: ask for at most {self.highest:g} %"
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
        half = self.scores[_rank(level, len(self.scores)) - 1] * _difficulty(similarity, self.slope)
        if self.log10:
            factor = 10.0**half
            return prediction / factor, prediction * factor
        return prediction - half, prediction + half


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many molecules have a value inside their interval.

    Attributes:
        level: that was asked for, per cent.
        share: of molecules whose value is inside, 0 to 1.
        molecules: how many were looked at.
        width: mean width of the intervals, in the unit.
    """

    level: int
    share: float
    molecules: int
    width: float

    @property
    def ends(self) -> tuple[float, float]:
        """The 95 % confidence interval of the share, by Wilson's formula for binomial counts."""
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
        inside = round(self.share * self.molecules)
        width = f"{self.width:.4g} {unit}".removesuffix(" -").rstrip()
        return (
            f"{inside} of {self.molecules} test molecules are inside their {self.level} % interval, {self.shown}; "
            f"mean width {width}"
        )


def measure_coverage(
    calibration: Calibration, value: np.ndarray, prediction: np.ndarray, similarity: np.ndarray
) -> list[Coverage]:
    """The coverage of every level that can be given, on other molecules (B,), at least one."""
    found = []
    for level in LEVELS:
        if level <= calibration.highest:
            low, high = calibration.interval(prediction, similarity, level)
            inside = (low <= value) & (value <= high)
            found.append(Coverage(level, float(inside.mean()), len(value), float((high - low).mean())))
    return found


def coverage_numbers(found: list[Coverage]) -> dict[str, float]:
    """Coverages as numbers to be recorded beside the scores of the same molecules."""
    return {f"coverage_{c.level}": c.share for c in found} | {f"width_{c.level}_units": c.width for c in found}


def recorded_coverage(numbers: Mapping[str, float | str]) -> list[Coverage]:
    """The coverages among the recorded numbers of a test part, `test_coverage_90` and more."""
    return [
        Coverage(
            level,
            float(numbers[f"test_coverage_{level}"]),
            int(float(numbers["test_n"])),
            float(numbers[f"test_width_{level}_units"]),
        )
        for level in LEVELS
        if f"test_coverage_{level}" in numbers
    ]


def _rank(level: float, count: int) -> int:
    """Which of `count` ascending scores a level needs, from 1; above `count` if there are too few."""
    return math.ceil(round(level * (count + 1) / 100, 9))


def _difficulty(similarity: np.ndarray, slope: float) -> np.ndarray:
    return np.asarray(np.exp(slope * (1 - similarity)))
