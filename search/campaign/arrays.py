"""Which trials one worker trains as one array of models (`gear.training.side_by_side`). Pure functions.

Models of an array have one structure (`gear.structure`). Trials on fresh seeds and refits of one configuration have it
by construction. Proposals of a sampler hardly ever agree in it, so the first one of an array decides it: the others are
asked from the same sampler with those settings held, and differ in their rates, weights, dropout, seed, and in how long
they are trained on only the sources first. Each of a random sampler's proposals has the distribution that it would have
by itself, but those of one array are no longer independent in what is held. A trial whose parameters are given (the
defaults, a start from another study) has no such company.
"""

import math
from collections.abc import Callable, Mapping

from gear.config import Value
from gear.recorded import recorded_config
from gear.structure import is_own, structure
from gear.variants import get_value
from search.campaign.study import Study, Trial
from search.plan.purpose import Purpose
from search.plan.settings import SearchSettings

__all__ = ["array_size", "can_join", "has_company", "held_by", "most", "room"]

AUTO = 8  # trials in an array, where nothing else is asked for
MIN_ROUNDS = 5  # at most a fifth of a study's budget runs at once, so that the sampler learns between proposals


def most(settings: SearchSettings, purpose: Purpose) -> int:
    """The most trials that a worker is given as one array.

    Args:
        settings: of the search. `auto` means 8 trials, but proposals only where a trial has a GPU: there an array is
            several times as fast, and elsewhere they give up more than they gain (docs/training.md).
        purpose: of the trials.
    """
    if settings.fuse == "auto":
        return AUTO if purpose != "search" or settings.gpus_per_trial else 1
    return 1 if settings.fuse == "off" else int(settings.fuse)


def array_size(settings: SearchSettings, purpose: Purpose, waiting: Callable[[], int], slots: float) -> int:
    """The number of trials that the next worker is given.

    Args:
        settings: of the search.
        purpose: of the first trial.
        waiting: counts the trials that could start now, the first among them.
        slots: workers at once, none of which is to be idle while another has several trials.
    """
    wanted = most(settings, purpose)
    if wanted == 1 or slots == math.inf:
        return 1
    return min(wanted, math.ceil(waiting() / max(slots, 1)))


def has_company(trial: Trial, settings: SearchSettings) -> bool:
    """Whether a trial may be the first of an array.

    One that lost a worker is trained alone: where an array fails, this shows whose fault it was.
    """
    if trial.workers_lost or structure(recorded_config(trial.config)) is None:
        return False
    return trial.attempt > 0 or trial.purpose != "search" or trial.origin in (settings.sampler, "random")


def can_join(trial: Trial, first: Trial) -> bool:
    """Whether an interrupted trial can continue in the array of another: it is as far and has the same structure."""
    place = (trial.study, trial.purpose, trial.epoch, trial.checkpoint is None)
    return (
        not trial.workers_lost
        and place == (first.study, first.purpose, first.epoch, first.checkpoint is None)
        and structure(recorded_config(trial.config)) == structure(recorded_config(first.config))
    )


def held_by(first: Trial) -> Mapping[str, Value]:
    """The parameters of an array's first trial that its other proposals have as well."""
    config = recorded_config(first.config)
    return {path: get_value(config, path) for path in first.params if not is_own(path)}


def room(study: Study, settings: SearchSettings) -> int:
    """How many more trials of a search may run now: a fifth of the budget, or those that are random anyway."""
    learnt_later = settings.startup_trials - len(study.searched)
    return min(study.to_start, max(learnt_later, max_running(study) - len(study.running)))


def max_running(study: Study) -> int:
    """How many trials of a study's search run at once, where other studies can use the rest."""
    return max(1, study.budget // MIN_ROUNDS)
