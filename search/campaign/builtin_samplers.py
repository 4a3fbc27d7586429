"""The built-in samplers, made as any other: with a seed, and with `learns_from` (`search.campaign.samplers`)."""

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

__all__ = ["GP", "TPE", "KnownSpace", "Random"]


class KnownSpace(BaseSampler):
    """Takes the search space from where it is kept up to date; by itself a new sampler would go through all trials."""

    known: IntersectionSearchSpace

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The dimensions that all ended trials chose from."""
        return {name: found for name, found in self.known.calculate(study).items() if not found.single()}


class TPE(KnownSpace, TPESampler):
    """A tree-structured Parzen estimator over all dimensions together."""

    learns_from = ("complete", "pruned")

    def __init__(self, seed: int) -> None:
        super().__init__(n_startup_trials=1, multivariate=True, seed=seed)


class GP(KnownSpace, GPSampler):
    """A Gaussian process."""

    learns_from = ("complete",)

    def __init__(self, seed: int) -> None:
        super().__init__(n_startup_trials=1, seed=seed)


class Random(RandomSampler):
    """Random sampling."""

    learns_from = ()
