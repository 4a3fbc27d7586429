"""Whether a model was worth it: its test error against others' on the same test molecules.

Single-task learning says whether transfer helped, an untuned support vector machine (`gear.evaluation.reference`)
whether training was needed at all. The terminal, the report, the model card and the registry show what `compare` gives,
so that their numbers agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from gear.evaluation.held_out import PartPredictions
from gear.evaluation.uncertainty import Interval, difference, rmse

__all__ = [
    "BASELINE",
    "REFERENCES",
    "STRONGEST",
    "Change",
    "Judged",
    "Tested",
    "baseline_of",
    "champions",
    "compare",
    "reference_verdict",
    "reference_words",
    "sees_logarithm",
]

BASELINE = "stl"  # the method without transfer
REFERENCES = {"mean": "mean", "svr": "untuned SVR"}  # of `gear.evaluation.reference`: names as recorded, in tables
STRONGEST = "svr"  # the reference that models are compared with
STRONGEST_WORDS = "an untuned support vector machine"


class Tested(Protocol):
    """The part of a study that decides what it may be compared with.

    `judged_on` holds the hashes of split and data: two test errors are comparable where these are equal.
    """

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def pair(self) -> str: ...  # noqa: D102
    @property
    def split(self) -> str: ...  # noqa: D102
    @property
    def judged_on(self) -> tuple[str, str]: ...  # noqa: D102
    @property
    def validation_rmse(self) -> float | None: ...  # noqa: D102
    @property
    def test_rmse(self) -> float | None: ...  # noqa: D102


T = TypeVar("T", bound=Tested)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A winner on the test part: its standardised RMSE and, where they were kept, its predictions."""

    rmse: float
    predictions: PartPredictions | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Change of the test RMSE relative to the baseline's: -0.1 is an error that is lower by 10 %.

    Attributes:
        value: the change.
        interval: 95 %, of a paired bootstrap over the test molecules; None where predictions were not kept.
        p_value: two-sided, of the same bootstrap.
        molecules: how many test molecules were compared; 0 where predictions were not kept.
    """

    value: float
    interval: Interval | None = None
    p_value: float | None = None
    molecules: int = 0

    @property
    def sure(self) -> bool:
        """Whether the interval excludes zero."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high

    def words(self, method: str, baseline: str = BASELINE) -> str:
        """The comparison of a method with the baseline in a clause that is the same everywhere."""
        said = f"test RMSE of {method} is {_directed(self.value)} than of {baseline}"
        if self.interval is None:
            return f"{said} (predictions were not kept, so there is no interval)"
        low, high = self.interval.low, self.interval.high
        if self.sure:
            ends = sorted((abs(100 * low), abs(100 * high)))
            return f"{said} (95 % interval {ends[0]:.1f} to {ends[1]:.1f} %, {self.molecules} test molecules)"
        interval = f"{_directed(low)} to {_directed(high)}"
        return f"{said} (95 % interval {interval}): no difference that {self.molecules} test molecules can show"


def baseline_of(study: T, studies: Iterable[T]) -> T | None:
    """The study that another is to be compared with: single-task learning on the same split of the same data.

    Where several qualify, that of the same pair of properties comes first, then the best on validation.
    """
    if study.method == BASELINE or study.test_rmse is None or not all(study.judged_on):
        return None
    equal = [s for s in studies if s.method == BASELINE and s.test_rmse and s.judged_on == study.judged_on]
    return min(equal, key=lambda other: (other.pair != study.pair, other.validation_rmse or np.inf), default=None)


def champions(studies: Iterable[T]) -> dict[tuple[str, str], T]:
    """The study of each pair and split with the lowest validation RMSE, by (pair, split); of equal ones the first.

    The test part never decides.
    """
    best: dict[tuple[str, str], T] = {}
    for study in studies:
        if study.validation_rmse is not None:
            rival = best.setdefault((study.pair, study.split), study)
            if study.validation_rmse < (rival.validation_rmse or 0.0):
                best[study.pair, study.split] = study
    return best


def reference_words(change: Change, method: str) -> str:
    """The comparison of a method with the strongest reference in a clause that is the same everywhere."""
    verdict = reference_verdict(change)
    said = change.words(method, STRONGEST_WORDS)
    return f"{said}; {method} {verdict}" if verdict else said


def reference_verdict(change: Change) -> str:
    """What is wrong with a model that does not beat the strongest reference; empty where it does beat it."""
    if change.value >= 0:
        advice = ": do not use this model" if change.sure else ""
        return f"does not beat {STRONGEST_WORDS}{advice}"
    return "" if change.sure or change.interval is None else f"is not shown to beat {STRONGEST_WORDS}"


def compare(study: Judged, baseline: Judged, resamples: int = 2000) -> Change:
    """The change of the test RMSE; both were judged on the same test part, and the baseline has an error.

    With the predictions of both, only molecules that both have predicted count. `resamples` are those of the bootstrap.
    """
    if study.predictions is not None and baseline.predictions is not None:
        parts = study.predictions, baseline.predictions
        log = sees_logarithm(zip(parts, (study.rmse, baseline.rmse), strict=True))
        ours, theirs, molecules = _paired(*parts, log=log)
        if theirs.any():
            found = difference(ours, theirs, resamples=resamples, molecules=molecules)
            interval = Interval(found.ratio.value - 1, found.ratio.low - 1, found.ratio.high - 1)
            return Change(interval.value, interval, found.p_value, len(set(molecules)))
    return Change(study.rmse / baseline.rmse - 1)


def sees_logarithm(judged: Iterable[tuple[PartPredictions, float]]) -> bool:
    """Whether models see the logarithm of the property, told from parts of one target and their standardised RMSEs.

    Standardising is linear, so the errors that models see are one multiple of the standardised errors in every study
    and part; errors in the property's unit are not where models see the logarithm.
    """
    parts = [(part.true, part.predicted, standardised) for part, standardised in judged if standardised]
    if any((true <= 0).any() or (predicted <= 0).any() for true, predicted, _ in parts):
        return False

    def unlike(linear: bool) -> float:
        seen = np.asarray if linear else np.log10
        multiples = [float(rmse(seen(predicted) - seen(true))) / given for true, predicted, given in parts]
        return max(multiples, default=1.0) / max(min(multiples, default=1.0), 1e-300)

    return unlike(linear=False) < unlike(linear=True)


def _paired(one: PartPredictions, other: PartPredictions, *, log: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors (N,) of two studies at what both have predicted, as their models see the values; and the molecules."""
    seen = np.log10 if log else np.asarray
    ours, theirs = (dict(zip(part.keys, seen(part.predicted) - seen(part.true), strict=True)) for part in (one, other))
    both = sorted(ours.keys() & theirs.keys())
    molecules = np.array([smiles for smiles, *_ in both], object)
    return np.array([ours[key] for key in both]), np.array([theirs[key] for key in both]), molecules


def _directed(share: float) -> str:
    return f"{abs(100 * share):.1f} % {'lower' if share < 0 else 'higher'}"
