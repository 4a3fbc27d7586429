"""Asynchronous successive halving: whether a trial is good enough to go on.

The rule of Ray's `ASHAScheduler` (one bracket) as a pure function of the recorded values, so that there are no rungs to
save or restore. Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020. Two things differ: the first
rung is counted in optimiser steps, since an epoch of a small target has few of them; and no trial is stopped at a rung
that fewer than `reduction_factor` trials have reached, where Ray stops the second if it is worse than the first.
"""

from collections.abc import Sequence

__all__ = ["milestones", "quantile", "stops"]


def milestones(grace_steps: int, epoch_steps: int, reduction_factor: float, epochs: int) -> tuple[int, ...]:
    """The epochs at which trials are compared: the first rung, and again and again `reduction_factor` times as late.

    Args:
        grace_steps: optimiser steps that every trial has had at the first rung.
        epoch_steps: that an epoch has at least.
        reduction_factor: greater than 1.
        epochs: of a whole trial, where nobody is stopped.
    """
    found, milestone = [], float(-(-grace_steps // epoch_steps))
    while milestone < epochs:
        found.append(round(milestone))
        milestone *= reduction_factor
    return tuple(found)


def stops(value: float, rung: Sequence[float], reduction_factor: float) -> bool:
    """Whether a trial at a milestone is outside the best `1 / reduction_factor` of those that were there before.

    Args:
        value: its best validation RMSE so far.
        rung: what the study's other trials had at this milestone, lowest first; those that never came this far do not
            count.
        reduction_factor: greater than 1.
    """
    return len(rung) + 1 >= reduction_factor and value > quantile(rung, 1 / reduction_factor)


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, as NumPy's: linear between two of them."""
    position = share * (len(ascending) - 1)
    below = int(position)
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    part = position - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)
