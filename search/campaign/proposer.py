"""Proposes the next configuration of a study: an Optuna study that follows the record, asked with a new sampler.

A proposal is a function of the recorded trials, their number and the seed of the campaign, so a resumed campaign
proposes what it would have proposed without the interruption.
"""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from optuna.distributions import distribution_to_json

from gear.config import TrialConfig
from gear.recorded import recorded_config
from gear.variants import get_value
from search.campaign.builtin_samplers import Random
from search.campaign.optuna_mirror import OptunaMirror, Placed, as_recorded, new_study
from search.campaign.samplers import Sampler, find_sampler
from search.campaign.study import Study, Trial
from search.campaign.study_transfer import Start
from search.plan.campaign_plan import stable_seed
from search.plan.settings import SearchSettings
from search.plan.space import defaults, held, suggest

__all__ = ["Proposal", "Proposer", "random_configs"]

RANDOM = Sampler("random", Random, Random.learns_from)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try. `params`, `distributions`, `origin`: see `search.campaign.events.TrialAsked`."""

    config: TrialConfig
    params: dict[str, Any]
    distributions: dict[str, str]
    origin: str


class Proposer:
    """Proposes the trials of a study.

    Args:
        method: whose space is searched.
        base: the configuration of the first trial; the others differ from it in the dimensions of the space.
        settings: of the search.
    """

    def __init__(self, method: str, base: TrialConfig, settings: SearchSettings) -> None:
        self._method, self._base, self._settings = method, base, settings
        self._mirror = OptunaMirror(self._placed, arrays_as_one=True)

    def propose(
        self, study: Study, start: Start | None = None, held: Mapping[str, Any] = MappingProxyType({})
    ) -> Proposal:
        """The next trial of a study; the first one has the default parameters.

        Args:
            study: with its search so far.
            start: parameters to try next in place of the sampler's; those that it lacks are random.
            held: parameters that the trial is to have; the sampler chooses only the others.
        """
        trials, vary = study.searched, self._settings.vary
        seed = stable_seed(self._settings.seed, study.name, len(trials))
        given = start if trials else Start(defaults(self._method, self._base, vary), "default")
        sampler = RANDOM if given is not None else self._sampler_now(study)
        if sampler == RANDOM:  # it learns nothing, so it need not see the trials
            apart = new_study()
            apart.sampler = RANDOM.make(seed=seed)
            if fixed := dict(given.params if given is not None else held):
                apart.enqueue_trial(fixed)
            trial = apart.ask()
        else:
            not_recorded = self._mirror.size > len(trials)  # the last proposal
            if not_recorded or not sampler.built_in:
                self._mirror = OptunaMirror(self._placed, arrays_as_one=True)
            trial = self._mirror.ask(trials, sampler, seed, held)
        config = suggest(trial, self._method, self._base, vary)
        params = {name: get_value(config, name) for name in trial.params}
        if sampler != RANDOM:
            self._mirror.amend(trial, params)
        distributions = {name: distribution_to_json(d) for name, d in trial.distributions.items()}
        origin = sampler.name if given is None else given.origin
        return Proposal(dataclasses.replace(config, seed=seed), params, distributions, origin)

    @functools.cached_property
    def _space(self) -> Placed:
        """Some parameters in today's space, and its distributions."""
        trial = new_study().ask()
        suggest(trial, self._method, self._base, self._settings.vary)
        return Placed(trial.params, trial.distributions)

    def _placed(self, trial: Trial) -> Placed:
        """A trial in today's space, so that the sampler learns from trials that an earlier version chose from another.

        A setting whose value today's space does not have is left out.
        """
        recorded = as_recorded(trial)
        if recorded.distributions == self._space.distributions:
            return recorded
        params = held(recorded_config(trial.config), self._method, self._base, self._settings.vary)
        return Placed(params, {name: self._space.distributions[name] for name in params})

    @functools.cached_property
    def _sampler(self) -> Sampler:
        """Loaded when it is first needed, so that a campaign can be read where a user's own sampler is missing."""
        return find_sampler(self._settings.sampler)

    def _sampler_now(self, study: Study) -> Sampler:
        """The sampler of the settings, or random sampling while too few trials have ended that it could learn from."""
        states = self._sampler.learns_from
        ready = sum(map(study.count, states)) >= max(1, self._settings.startup_trials)
        return self._sampler if ready or not states else RANDOM


def random_configs(method: str, base: TrialConfig, vary: Collection[str], count: int) -> list[TrialConfig]:
    """Random configurations of a method's space, the same ones every time."""
    study = new_study()
    study.sampler = RANDOM.make(seed=0)
    return [suggest(study.ask(), method, base, vary) for _ in range(count)]
