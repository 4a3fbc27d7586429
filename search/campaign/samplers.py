"""Optuna's samplers, made afresh for every proposal."""

import warnings
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

__all__ = ["make_sampler"]


class _WithKnownSpace(BaseSampler):
    """Takes the search space from one who remembers it, where a new sampler would go through all trials for it."""

    known: IntersectionSearchSpace

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What all trials that ended chose from."""
        return {name: found for name, found in self.known.calculate(study).items() if not found.single()}


class _TPE(_WithKnownSpace, TPESampler):
    pass


class _GP(_WithKnownSpace, GPSampler):
    pass


def make_sampler(name: Literal["tpe", "gp"], seed: int, known: IntersectionSearchSpace) -> BaseSampler:
    """A sampler that takes the search space as it is known."""
    sampler: _TPE | _GP
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
        if name == "gp":
            sampler = _GP(n_startup_trials=1, seed=seed)
        else:
            sampler = _TPE(n_startup_trials=1, multivariate=True, seed=seed)
    sampler.known = known
    return sampler
