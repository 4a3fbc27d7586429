"""Starts that a study takes over from related studies: configurations that beat the defaults there, on validation.

Related studies have the same method and split. Those of the same target come first, then those with a common source,
then those of any pair. No study of another split is related: one of the same target chose its best configuration on
molecules that this study may be tested on, and a third study would hand it on.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gear.config import TrialConfig
from gear.space import Dimension
from search.campaign.study import Study, Trial
from search.plan.campaign_plan import StudyPlan
from search.plan.settings import SearchSettings
from search.plan.space import space

__all__ = ["Start", "transferred_start"]

MAX_STARTS = 2  # that a study takes over
ORIGIN = "study "  # the origin of a transferred start begins with this


@dataclass(frozen=True, slots=True)
class Start:
    """Parameters to try, not chosen by a sampler. `origin`: see `search.campaign.events.TrialAsked`."""

    params: Mapping[str, Any]
    origin: str


def transferred_start(
    study: Study, others: Iterable[Study], settings: SearchSettings, base: TrialConfig
) -> Start | None:
    """What a study takes over as its next trial; None if there is nothing to take over or enough has been tried.

    It takes the place of a random trial, so it comes after the defaults and before the sampler learns. Configurations
    that the study has tried already are left out.
    """
    number = len(study.searched)
    taken = sum(trial.origin.startswith(ORIGIN) for trial in study.searched[: settings.startup_trials + 1])
    if not 0 < number <= settings.startup_trials or taken >= MAX_STARTS:
        return None
    for trial in _candidates(study, others):
        params = _fitting(trial.params, space(study.plan.method, settings.vary, base))
        if params and not any(params.items() <= own.params.items() for own in study.searched):
            return Start(params, f"{ORIGIN}{trial.study} #{trial.number}")
    return None


def _candidates(study: Study, others: Iterable[Study]) -> Iterator[Trial]:
    """The best trials of the nearest studies, then their second best; then those of the next nearest studies."""
    related = [other for other in others if other is not study and _related(study.plan, other.plan)]
    found: list[tuple[int, int, Trial]] = []
    for other in related:
        better = itertools.takewhile(lambda trial: trial.number != 0, other.ranking[:MAX_STARTS])  # than the defaults
        found += [(_distance(study.plan, other.plan), rank, trial) for rank, trial in enumerate(better)]
    return (trial for *_, trial in sorted(found, key=lambda candidate: candidate[:2]))


def _related(one: StudyPlan, other: StudyPlan) -> bool:
    return (one.method, one.split) == (other.method, other.split)


def _distance(one: StudyPlan, other: StudyPlan) -> int:
    if one.pair.target == other.pair.target:
        return 0
    return 1 if {*one.pair.sources} & {*other.pair.sources} else 2


def _fitting(params: Mapping[str, Any], dimensions: Iterable[Dimension]) -> dict[str, Any]:
    """The parameters that are in the study's space, with a value that it allows; the others will be random."""
    return {
        dimension.path: params[dimension.path]
        for dimension in dimensions
        if dimension.path in params and dimension.holds(params[dimension.path])
    }
