"""Asynchronous successive halving: whether a trial is good enough to go on.

The rule of Ray's `ASHAScheduler` (one bracket) as a pure function of the recorded learning curves, so that there are no
rungs to save or restore. Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020.
"""

from collections.abc import Iterable, Mapping

import numpy as np

__all__ = ["milestones", "stops"]

Curve = Mapping[int, float]  # epoch -> best validation RMSE so far


def milestones(grace_period: int, reduction_factor: float, epochs: int) -> tuple[int, ...]:
    """The epochs at which trials are compared: `grace_period`, and again and again `reduction_factor` times as late."""
    found, milestone = [], float(grace_period)
    while milestone < epochs:
        found.append(round(milestone))
        milestone *= reduction_factor
    return tuple(found)


def stops(value: float, epoch: int, others: Iterable[Curve], reduction_factor: float) -> bool:
    """Whether a trial at a milestone is outside the best `1 / reduction_factor` of those that were there before.

    Args:
        value: its best validation RMSE so far.
        epoch: the milestone.
        others: curves of the study's other trials; those that never came this far do not count.
        reduction_factor: greater than 1.
    """
    rung = [curve[epoch] for curve in others if epoch in curve]
    return bool(rung) and value > float(np.percentile(rung, 100 / reduction_factor))
