"""What a study can take over from related ones: configurations that beat the defaults there, on validation.

Same method always. First from studies of the same target on the same split, then of the same source, then of any pair.
Never from the same target on another split: what was best there was chosen on molecules that this study is tested on.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from search.campaign.study import Study, Trial
from search.plan.campaign_plan import StudyPlan
from search.plan.settings import SearchSettings
from search.plan.space import space

__all__ = ["Borrowed", "borrow"]

MOST = 2  # configurations that a study takes over
ORIGIN = "study "  # begins the origin of a trial that was taken over


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Parameters taken over from another study, and from which of its trials."""

    params: Mapping[str, Any]
    origin: str


def borrow(study: Study, others: Iterable[Study], settings: SearchSettings) -> Borrowed | None:
    """What a study takes over as its next trial; None where nothing is to be had, or it is no longer at its start.

    Takes the place of a random trial, so the defaults come first, and what was tried in the study is left out.
    """
    number = len(study.searched)
    taken = sum(trial.origin.startswith(ORIGIN) for trial in study.searched[: settings.startup_trials + 1])
    if not 0 < number <= settings.startup_trials or taken >= MOST:
        return None
    for trial in _candidates(study, others):
        params = _fitting(trial.params, study.plan.method, settings.vary)
        if params and not any(params.items() <= own.params.items() for own in study.searched):
            return Borrowed(params, f"{ORIGIN}{trial.study} #{trial.number}")
    return None


def _candidates(study: Study, others: Iterable[Study]) -> Iterator[Trial]:
    """The nearest studies' best, then their second best; then those of the next nearest."""
    related = [other for other in others if other is not study and _related(study.plan, other.plan)]
    found: list[tuple[int, int, Trial]] = []
    for other in related:
        better = itertools.takewhile(lambda trial: trial.number != 0, other.ranking[:MOST])  # than the defaults
        found += [(_distance(study.plan, other.plan), rank, trial) for rank, trial in enumerate(better)]
    return (trial for *_, trial in sorted(found, key=lambda candidate: candidate[:2]))


def _related(one: StudyPlan, other: StudyPlan) -> bool:
    return one.method == other.method and (one.pair.target != other.pair.target or one.split == other.split)


def _distance(one: StudyPlan, other: StudyPlan) -> int:
    if one.pair.target == other.pair.target:
        return 0
    return 1 if {*one.pair.sources} & {*other.pair.sources} else 2


def _fitting(params: Mapping[str, Any], method: str, vary: Collection[str]) -> dict[str, Any]:
    """Those of the parameters that the method's space has, with a value that it allows; chance gives the others."""
    return {
        dimension.path: params[dimension.path]
        for dimension in space(method, vary)
        if dimension.path in params and dimension.holds(params[dimension.path])
    }
