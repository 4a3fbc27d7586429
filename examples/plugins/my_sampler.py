"""A sampler of your own: most settings of the best trial, the others at random.

In the folder of this file:

    gear-search run --sampler my_sampler:NearTheBest
    gear-search simulate --sampler my_sampler:NearTheBest
"""

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

KEPT = 0.7  # of the best trial's settings


class NearTheBest(BaseSampler):
    """Proposes from the study's trials; it is made anew for every proposal, with another seed."""

    learns_from = ("complete", "pruned")  # used once `startup_trials` of these have ended

    def __init__(self, seed: int | None = None) -> None:
        self._random, self._generator = RandomSampler(seed), np.random.default_rng(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No settings are chosen together."""
        return {}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict:
        """See there."""
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:  # noqa: ANN401 - Optuna's
        """The value of one setting."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        best = min(ended, key=lambda other: other.value)
        if self._generator.random() < KEPT:
            return best.params[name]
        return self._random.sample_independent(study, trial, name, distribution)
