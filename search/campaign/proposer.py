"""What to try next in a study: an Optuna study that follows the recorded trials, asked with a sampler made afresh.

A proposal is a function of the recorded trials and their number, so a campaign that was resumed proposes what it would
have proposed without the interruption.
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.samplers import RandomSampler

from gear.config import TrialConfig
from gear.results import State
from search.campaign.optuna_mirror import OptunaMirror, new_study
from search.campaign.study import Study
from search.campaign.study_transfer import Borrowed
from search.plan.campaign_plan import stable_seed
from search.plan.settings import SamplerName, SearchSettings
from search.plan.space import defaults, suggest

__all__ = ["Proposal", "Proposer", "random_configs"]

_LEARNS_FROM: dict[SamplerName, tuple[State, ...]] = {"tpe": ("complete", "pruned"), "gp": ("complete",), "random": ()}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try, what the sampler chose from what, and where it came from."""

    config: TrialConfig
    params: dict[str, Any]
    distributions: dict[str, str]
    origin: str


class Proposer:
    """Proposes the trials of a study.

    Args:
        method: decides the space.
        base: the configuration outside the space, and the first trial itself.
        settings: of the sampler.
    """

    def __init__(self, method: str, base: TrialConfig, settings: SearchSettings) -> None:
        self._method, self._base, self._settings = method, base, settings
        self._mirror = OptunaMirror()

    def propose(self, study: Study, borrowed: Borrowed | None = None) -> Proposal:
        """The next trial of a study; the first is the defaults.

        Args:
            study: its search so far.
            borrowed: to be tried next, instead of what the sampler would choose.
        """
        trials, vary = study.searched, self._settings.vary
        seed = stable_seed(self._settings.seed, study.name, len(trials))
        given = borrowed if trials else Borrowed(defaults(self._method, self._base, vary), "default")
        sampler = "random" if given is not None else _sampler_now(self._settings, study)
        if sampler == "random":  # learns nothing, so it need not see the trials
            apart = new_study()
            apart.sampler = RandomSampler(seed=seed)
            if given is not None:
                apart.enqueue_trial(dict(given.params))
            trial = apart.ask()
        else:
            if self._mirror.size > len(trials):  # the last proposal was never recorded
                self._mirror = OptunaMirror()
            trial = self._mirror.ask(trials, sampler, seed)
        config = suggest(trial, self._method, self._base, vary)
        distributions = {name: distribution_to_json(d) for name, d in trial.distributions.items()}
        origin = sampler if given is None else given.origin
        return Proposal(dataclasses.replace(config, seed=seed), trial.params, distributions, origin)


def random_configs(method: str, base: TrialConfig, vary: Collection[str], count: int) -> list[TrialConfig]:
    """So many configurations of a method's space, the same ones every time."""
    study = new_study()
    study.sampler = RandomSampler(seed=0)
    return [suggest(study.ask(), method, base, vary) for _ in range(count)]


def _sampler_now(settings: SearchSettings, study: Study) -> SamplerName:
    """The sampler of the settings, and chance while there is too little that it could learn from."""
    if settings.sampler == "random":
        return "random"
    known = sum(map(study.count, _LEARNS_FROM[settings.sampler]))
    return settings.sampler if known >= max(1, settings.startup_trials) else "random"
