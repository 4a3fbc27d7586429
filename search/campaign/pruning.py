"""The pruners that stop trials early: built-in ones by name, any other function by its import path.

A pruner is a pure function of what is recorded of a study, so that there is no state to save or restore. None is asked
before the grace period is over, which is counted in optimiser steps, since an epoch of a small target has few of them.
How to write one: docs/plugins/pruner.md.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gear.errors import InputDataError, UnknownNameError
from gear.plugins import is_import_path, load_object

__all__ = ["PRUNERS", "Pruner", "TrialProgress", "find_pruner", "halving", "median", "milestones", "quantile"]


@dataclass(frozen=True, slots=True)
class TrialProgress:
    """A trial at the end of an epoch, and what the study's other trials had recorded by then.

    All values are the best validation RMSE up to an epoch, standardised: lower is better.

    Attributes:
        epoch: that has ended, from 1.
        value: after this epoch.
        number: of the trial in its study.
        rung: values that the other trials had after this epoch, lowest first; those that never came this far do not
            count.
        curves: values by epoch of each trial of the study's search, by its number; of this trial those before.
        grace_epochs: the first epoch at which a trial may be stopped.
        epochs: of a whole trial.
        reduction_factor: of the settings, greater than 1.
    """

    epoch: int
    value: float
    number: int
    rung: Sequence[float]
    curves: Mapping[int, Mapping[int, float]]
    grace_epochs: int
    epochs: int
    reduction_factor: float


Pruner = Callable[[TrialProgress], str]  # why the trial is to be stopped, or an empty text


def halving(trial: TrialProgress) -> str:
    """Asynchronous successive halving: at a rung, stop a trial outside the best `1 / reduction_factor`.

    Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020. The rule is that of Ray's `ASHAScheduler`
    with one bracket, except that no trial is stopped at a rung that fewer than `reduction_factor` trials have reached:
    Ray stops the second trial if it is worse than the first.
    """
    if trial.epoch not in milestones(trial.grace_epochs, trial.reduction_factor, trial.epochs) or _too_few(trial):
        return ""
    outside = trial.value > quantile(trial.rung, 1 / trial.reduction_factor)
    return f"outside the best 1/{trial.reduction_factor:g} at epoch {trial.epoch}" if outside else ""


def median(trial: TrialProgress) -> str:
    """After every epoch, stop a trial that is worse than the median of the others at this epoch.

    Golovin et al., Google Vizier, 2017, on best values so far; and not before `reduction_factor` trials came this far.
    """
    worse = not _too_few(trial) and trial.value > quantile(trial.rung, 0.5)
    return f"worse than the median at epoch {trial.epoch}" if worse else ""


def none(_: TrialProgress) -> str:
    """Stop no trial."""
    return ""


PRUNERS: dict[str, Pruner] = {"halving": halving, "median": median, "none": none}


def find_pruner(name: str) -> Pruner:
    """A built-in pruner, or the function at an import path, `my_module:my_pruner`.

    Raises:
        UnknownNameError: no built-in pruner has this name.
        InputDataError: there is nothing at this path, or it is no function.
    """
    if name in PRUNERS:
        return PRUNERS[name]
    if not is_import_path(name):
        raise UnknownNameError("pruner", name, (*PRUNERS, "my_module:my_pruner"))
    pruner = load_object(name, "pruner")
    if isinstance(pruner, type) or not callable(pruner):
        kind = "a class" if isinstance(pruner, type) else type(pruner).__name__
        raise InputDataError(f"pruner {name} is {kind}, not a function of a search.campaign.pruning.TrialProgress")
    return functools.partial(_checked, name, pruner)


def _checked(name: str, pruner: Pruner, trial: TrialProgress) -> str:
    """What a user's pruner says, if it is what a pruner may say."""
    reason = pruner(trial)
    if not isinstance(reason, str):
        raise InputDataError(f"pruner {name} gave {reason!r}: it must give a reason to stop as text, or ''")
    return reason


@functools.lru_cache
def milestones(grace_epochs: int, reduction_factor: float, epochs: int) -> tuple[int, ...]:
    """The epochs at which `halving` compares trials: each `reduction_factor` times as late as the one before.

    Args:
        grace_epochs: the first.
        reduction_factor: greater than 1.
        epochs: of a whole trial, at the end of which no trial is stopped.
    """
    found, milestone = [], float(grace_epochs)
    while milestone < epochs:
        found.append(round(milestone))
        milestone *= reduction_factor
    return tuple(found)


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which a share of the sorted values lies, as `numpy.quantile` has it, without a copy of them."""
    position = share * (len(ascending) - 1)
    below = int(position)
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    part = position - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def _too_few(trial: TrialProgress) -> bool:
    """Whether fewer than `reduction_factor` trials, this one included, have come this far."""
    return len(trial.rung) + 1 < trial.reduction_factor
