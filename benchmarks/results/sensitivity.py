"""How sensitive methods are to their settings: by the trials of all studies of a method together.

Trials of a study are relative to its mean, so that studies of easy and of hard pairs can be pooled.
"""

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from search.campaign.campaign import Campaign
from search.campaign.importance import importances
from search.campaign.study import Study, Trial

from .rows import Effect

THIRDS = ("low third", "middle third", "high third")
FEW = 5  # whole numbers that are levels of their own


def effects(experiment: str, campaign: Campaign) -> list[Effect]:
    """The effects of every searched setting, by method."""
    groups: dict[str, dict[str, list[Trial]]] = defaultdict(dict)
    for study in campaign.studies.values():
        of_study = _relative(study)
        if of_study:
            groups[study.plan.method_name][study.name] = of_study
    return [effect for method, studies in groups.items() for effect in _of_method(experiment, method, studies)]


def _relative(study: Study) -> list[Trial]:
    """The complete trials of a search, whose value is the logarithm of their error over the study's geometric mean."""
    complete = [trial for trial in study.searched if trial.state == "complete" and trial.value]
    if len(complete) < 2:
        return []
    logs = [math.log(trial.value or math.nan) for trial in complete]
    mean = statistics.mean(logs)
    return [
        dataclasses.replace(trial, value=log - mean, curve={1: log - mean})
        for trial, log in zip(complete, logs, strict=True)
    ]


def _of_method(experiment: str, method: str, studies: Mapping[str, Sequence[Trial]]) -> Iterator[Effect]:
    pooled = [trial for of_study in studies.values() for trial in of_study]
    shared = set.intersection(*(set(trial.params) for trial in pooled))
    alike = [trial for trial in pooled if trial.distributions == pooled[0].distributions]
    found = importances(alike)
    for setting in (name for name in pooled[0].params if name in shared):
        levels = _levels([trial.params[setting] for trial in pooled])
        for level in dict.fromkeys(levels.values()):
            means = []
            for of_study in studies.values():
                values = [trial.value for trial in of_study if levels[trial.params[setting]] == level]
                if values:
                    means.append(statistics.mean(values))
            error = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else math.nan
            count = sum(levels[trial.params[setting]] == level for trial in pooled)
            where = (experiment, method, setting, level)
            yield Effect(*where, statistics.mean(means), error, count, len(means), found.get(setting, math.nan))


def _levels(values: Sequence[object]) -> dict[object, str]:
    """The level of each value, in order: the third of all values that its mean rank is in.

    Whole numbers that are few, and what is no number, are levels themselves.
    """
    known = list(dict.fromkeys(values))
    if any(isinstance(value, str | bool) for value in known):
        return {value: str(value) for value in sorted(known, key=str)}
    numbers = sorted(value for value in values if isinstance(value, int | float))
    if len(known) <= FEW and all(isinstance(value, int) for value in known):
        return {value: str(value) for value in sorted(set(numbers))}
    ranks: dict[object, list[int]] = defaultdict(list)
    for rank, value in enumerate(numbers):
        ranks[value].append(rank)
    return {value: THIRDS[int(3 * statistics.mean(at) / len(numbers))] for value, at in ranks.items()}
