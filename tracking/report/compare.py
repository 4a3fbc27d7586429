"""Whether transfer helped: studies against single-task training on the very same molecules."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from gear.evaluation.uncertainty import Interval, difference, rmse
from tracking.report.campaigns import StudyRecord

__all__ = [
    "BASELINE",
    "Average",
    "Change",
    "Verdict",
    "averages",
    "best_transfer",
    "changes",
    "learns_logarithm",
    "verdict",
]

BASELINE = "stl"


@dataclass(frozen=True, slots=True)
class Change:
    """A study's test RMSE against the baseline's, as a share of the latter: -0.1 is an error lower by 10 %.

    `interval` (95 %) and `p` (two-sided) are of a paired bootstrap over the molecules of the test part; None without
    their predictions.
    """

    study: StudyRecord
    baseline: StudyRecord
    change: float
    interval: Interval | None = None
    p: float | None = None

    @property
    def sure(self) -> bool:
        """Whether the interval leaves chance out."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high


@dataclass(frozen=True, slots=True)
class Average:
    """A method on a pair over several folds, campaigns or seeds: mean and standard deviation of each number."""

    pair: str
    split: str
    method: str
    n: int
    validation_rmse: tuple[float, float]
    test_rmse: tuple[float, float]
    change: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The transfer method chosen on validation against the baseline, for every pair and split that has both.

    `incomparable`: pairs and splits that have not.
    """

    best: tuple[Change, ...]
    incomparable: int

    @property
    def helped(self) -> int:
        """Comparisons with a lower test error."""
        return sum(change.change < 0 for change in self.best)

    @property
    def surely_helped(self) -> int:
        """Of those, beyond chance."""
        return sum(change.sure and change.change < 0 for change in self.best)

    @property
    def surely_harmed(self) -> int:
        """Comparisons with a higher test error, beyond chance."""
        return sum(change.sure and change.change > 0 for change in self.best)


def changes(studies: Sequence[StudyRecord]) -> list[Change]:
    """Every tested study that has a baseline on the same split and data, against it."""
    found = []
    for study in studies:
        baseline = _baseline(study, studies)
        if study.method != BASELINE and baseline is not None:
            found.append(_change(study, baseline))
    return found


def best_transfer(found: Iterable[Change]) -> list[Change]:
    """Of every campaign, pair and split, the change of the method that is best on validation."""

    def key(change: Change) -> tuple[str, str, str]:
        return change.study.campaign, change.study.pair, change.study.split

    groups = groupby(sorted(found, key=key), key)
    return [min(group, key=lambda change: _or_infinite(change.study.validation_rmse)) for _, group in groups]


def verdict(studies: Sequence[StudyRecord], found: Sequence[Change]) -> Verdict:
    """Sum up."""
    best = best_transfer(found)
    asked = {(study.campaign, study.pair, study.split) for study in studies}
    return Verdict(tuple(best), len(asked) - len(best))


def averages(studies: Sequence[StudyRecord], found: Sequence[Change]) -> list[Average]:
    """Methods that were tested on a pair more than once: on several folds, or in several campaigns."""
    of_study = {change.study.run_id: change.change for change in found}

    def key(study: StudyRecord) -> tuple[str, str, str]:
        return study.pair, re.sub(r"-fold\d+", "", study.split), study.method

    tested = sorted((study for study in studies if study.test_rmse is not None), key=key)
    averaged = []
    for name, group in groupby(tested, key):
        members = list(group)
        if len(members) < 2:
            continue
        shares = [of_study[study.run_id] for study in members if study.run_id in of_study]
        validation = _mean_and_spread([_or_infinite(study.validation_rmse) for study in members])
        test = _mean_and_spread([_or_infinite(study.test_rmse) for study in members])
        change = _mean_and_spread(shares) if len(shares) == len(members) else None
        averaged.append(Average(*name, len(members), validation, test, change))
    return averaged


def learns_logarithm(studies: Sequence[StudyRecord]) -> bool:
    """Whether models see the logarithm of the property, told from studies of one target on the same data.

    Standardising is linear, so errors as models see them are one multiple of the standardised ones, whatever the study
    and the part; in the property's unit they are not where a logarithm comes between.
    """
    judged = [
        (part.true, part.predicted, standardised)
        for study in studies
        for name, standardised in (("validation", study.validation_rmse), ("test", study.test_rmse))
        if standardised and (part := study.predictions.get(name)) is not None
    ]
    if any((true <= 0).any() or (predicted <= 0).any() for true, predicted, _ in judged):
        return False

    def unlike(linear: bool) -> float:
        seen = np.asarray if linear else np.log10
        multiples = [float(rmse(seen(predicted) - seen(true))) / given for true, predicted, given in judged]
        return max(multiples, default=1.0) / max(min(multiples, default=1.0), 1e-300)

    return unlike(linear=False) < unlike(linear=True)


def _baseline(study: StudyRecord, studies: Sequence[StudyRecord]) -> StudyRecord | None:
    """Single-task training on the same parts of the same data, of the same campaign if it has it."""
    if study.test_rmse is None:
        return None
    equal = [
        other
        for other in studies
        if other.method == BASELINE and other.test_rmse is not None and other.judged_on == study.judged_on
    ]
    return min(
        equal, key=lambda other: (other.campaign != study.campaign, _or_infinite(other.validation_rmse)), default=None
    )


def _change(study: StudyRecord, baseline: StudyRecord) -> Change:
    change = _or_infinite(study.test_rmse) / _or_infinite(baseline.test_rmse) - 1
    ours, theirs = _errors(study, baseline)
    if not len(ours) or not theirs.any():
        return Change(study, baseline, change)
    found = difference(ours, theirs)
    interval = Interval(change, found.ratio.low - 1, found.ratio.high - 1)
    return Change(study, baseline, change, interval, found.p_value)


def _errors(study: StudyRecord, baseline: StudyRecord) -> tuple[np.ndarray, np.ndarray]:
    """Errors (N,) of two studies at the molecules of the test part, as their models see the values."""
    seen = np.log10 if learns_logarithm([study, baseline]) else np.asarray
    one, other = (
        {} if part is None else dict(zip(part.smiles, seen(part.predicted) - seen(part.true), strict=True))
        for part in (study.predictions.get("test"), baseline.predictions.get("test"))
    )
    both = sorted(one.keys() & other.keys())
    return np.array([one[smiles] for smiles in both]), np.array([other[smiles] for smiles in both])


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1))


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value
