"""What to try next in a study: a fresh Optuna study over the recorded trials, asked once.

Nothing of Optuna is kept between two proposals. A proposal is a function of the recorded trials and their number, so
a campaign that was resumed proposes what it would have proposed without the interruption.
"""

import dataclasses
import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from gear.config import TrialConfig
from search.plan import SamplerName, SearchSettings, stable_seed
from search.related import Borrowed
from search.space import defaults, suggest
from search.study import Trial

__all__ = ["Proposal", "build_study", "propose"]

_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
_LEARNS_FROM: dict[SamplerName, tuple[str, ...]] = {"tpe": ("complete", "pruned"), "gp": ("complete",), "random": ()}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try, what the sampler chose from what, and where it came from."""

    config: TrialConfig
    params: dict[str, Any]
    distributions: dict[str, str]
    origin: str


def propose(
    study: str,
    method: str,
    base: TrialConfig,
    settings: SearchSettings,
    observed: Sequence[Trial],
    borrowed: Borrowed | None = None,
) -> Proposal:
    """The next trial of a study; the first is `base` itself.

    Args:
        study: its name, part of every seed.
        method: decides the space.
        base: the configuration outside the space.
        settings: of the sampler.
        observed: the trials so far, in the order of their numbers.
        borrowed: to be tried next, instead of what the sampler would choose.
    """
    seed = stable_seed(settings.seed, study, len(observed))
    given = borrowed if observed else Borrowed(defaults(method, base, settings.vary), "default")
    sampler = "random" if given is not None else _sampler_now(settings, observed)
    optuna_study = build_study(() if sampler == "random" else observed, _make_sampler(sampler, seed))
    if given is not None:
        optuna_study.enqueue_trial(dict(given.params))
    trial = optuna_study.ask()
    config = suggest(trial, method, base, settings.vary)
    distributions = {name: distribution_to_json(d) for name, d in trial.distributions.items()}
    origin = sampler if given is None else given.origin
    return Proposal(dataclasses.replace(config, seed=seed), trial.params, distributions, origin)


def build_study(observed: Sequence[Trial], sampler: BaseSampler | None = None) -> optuna.Study:
    """An in-memory Optuna study of recorded trials, to propose from or to look at."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.add_trials([_frozen(trial) for trial in observed])
    return study


def _sampler_now(settings: SearchSettings, observed: Sequence[Trial]) -> SamplerName:
    """The sampler of the settings, and chance while there is too little that it could learn from."""
    if settings.sampler == "random":
        return "random"
    known = sum(trial.state in _LEARNS_FROM[settings.sampler] for trial in observed)
    return settings.sampler if known >= max(1, settings.startup_trials) else "random"


def _make_sampler(name: SamplerName, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
        match name:
            case "tpe":
                return TPESampler(n_startup_trials=1, multivariate=True, seed=seed)
            case "gp":
                return GPSampler(n_startup_trials=1, seed=seed)
            case "random":
                return RandomSampler(seed=seed)


_distribution = functools.lru_cache(maxsize=1024)(json_to_distribution)  # a study's trials have the same ones


def _frozen(trial: Trial) -> FrozenTrial:
    distributions: dict[str, BaseDistribution] = {name: _distribution(d) for name, d in trial.distributions.items()}
    return create_trial(
        state=_STATES[trial.state],
        value=min(trial.curve.values()) if trial.state in ("complete", "pruned") else None,
        params=trial.params,
        distributions=distributions,
        intermediate_values=trial.curve,
    )
