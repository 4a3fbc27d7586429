"""Studies of a report against single-task learning on the same molecules."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from gear.evaluation.comparison import STRONGEST, Change, Judged, baseline_of, compare, sees_logarithm
from tracking.report.campaigns import ReferenceRecord, StudyRecord

__all__ = [
    "Average",
    "StudyChange",
    "averages",
    "best_transfer",
    "changes",
    "learns_logarithm",
    "reference_changes",
]


@dataclass(frozen=True, slots=True)
class StudyChange:
    """A tested study, its baseline, and the change of the test RMSE between them."""

    study: StudyRecord
    baseline: StudyRecord
    change: Change

    @property
    def value(self) -> float:
        """The change relative to the baseline."""
        return self.change.value


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


def changes(studies: Sequence[StudyRecord]) -> list[StudyChange]:
    """Every tested study against its baseline, if it has one; a baseline of the same campaign comes first."""
    found = []
    for study in studies:
        own = (other for other in studies if other.campaign == study.campaign)
        baseline = baseline_of(study, own) or baseline_of(study, studies)
        if baseline is not None:
            found.append(StudyChange(study, baseline, compare(_judged(study), _judged(baseline))))
    return found


def reference_changes(studies: Sequence[StudyRecord], references: Sequence[ReferenceRecord]) -> dict[str, Change]:
    """The change of each tested study against the strongest reference on the same molecules, by the study's run."""
    strongest = {found.judged_on: found for found in references if found.name == STRONGEST and found.test_rmse}
    changed = {}
    for study in studies:
        reference = strongest.get(study.judged_on)
        if reference is not None and study.test_rmse is not None and all(study.judged_on):
            theirs = Judged(_or_infinite(reference.test_rmse), reference.predictions)
            changed[study.run_id] = compare(_judged(study), theirs)
    return changed


def best_transfer(found: Iterable[StudyChange]) -> list[StudyChange]:
    """Of every campaign, pair and split, the change of the transfer method that is best on validation."""

    def key(change: StudyChange) -> tuple[str, str, str]:
        return change.study.campaign, change.study.pair, change.study.split

    groups = groupby(sorted((change for change in found if change.study.transfers), key=key), key)
    return [min(group, key=lambda change: _or_infinite(change.study.validation_rmse)) for _, group in groups]


def averages(studies: Sequence[StudyRecord], found: Sequence[StudyChange]) -> list[Average]:
    """Methods that were tested several times on a pair: on several folds, or in several campaigns."""
    of_study = {change.study.run_id: change.value for change in found}

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
    """Whether the models of studies of one target see the logarithm of the property."""
    return sees_logarithm(
        (part, standardised)
        for study in studies
        for name, standardised in (("validation", study.validation_rmse), ("test", study.test_rmse))
        if standardised is not None and (part := study.predictions.get(name)) is not None
    )


def _judged(study: StudyRecord) -> Judged:
    return Judged(_or_infinite(study.test_rmse), study.predictions.get("test"))


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1))


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value
