"""What to try next in a study: a fresh Optuna study over the recorded trials, asked once.

Nothing of Optuna is kept between two proposals. A proposal is a function of the recorded trials and their number, so
a campaign that was resumed proposes what it would have proposed without the interruption.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from gear.config import TrialConfig
from search.plan import SearchSettings, stable_seed
from search.space import defaults, suggest

__all__ = ["Observation", "Proposal", "build_study", "propose"]

_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """A trial as the sampler sees it; `curve` is the best validation RMSE so far by epoch."""

    params: dict[str, Any]
    distributions: dict[str, str]
    state: Literal["running", "complete", "pruned", "failed"] = "running"
    curve: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try, and what the sampler chose from what."""

    config: TrialConfig
    params: dict[str, Any]
    distributions: dict[str, str]


def propose(
    study: str, method: str, base: TrialConfig, settings: SearchSettings, observed: Sequence[Observation]
) -> Proposal:
    """The next trial of a study; the first is `base` itself.

    Args:
        study: its name, part of every seed.
        method: decides the space.
        base: the configuration outside the space.
        settings: of the sampler.
        observed: the trials so far, in the order of their numbers.
    """
    number = len(observed)
    seed = stable_seed(settings.seed, study, number)
    optuna_study = build_study(observed, seed=seed, startup_trials=settings.startup_trials)
    if number == 0:
        optuna_study.enqueue_trial(defaults(method, base, settings.vary))
    trial = optuna_study.ask()
    config = suggest(trial, method, base, settings.vary)
    distributions = {name: distribution_to_json(d) for name, d in trial.distributions.items()}
    return Proposal(dataclasses.replace(config, seed=seed), trial.params, distributions)


def build_study(observed: Sequence[Observation], *, seed: int = 0, startup_trials: int = 10) -> optuna.Study:
    """An in-memory Optuna study of recorded trials, to propose from or to look at."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
        sampler = optuna.samplers.TPESampler(n_startup_trials=startup_trials, multivariate=True, seed=seed)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.add_trials([_frozen(trial) for trial in observed])
    return study


def _frozen(trial: Observation) -> FrozenTrial:
    return create_trial(
        state=_STATES[trial.state],
        value=min(trial.curve.values()) if trial.state in ("complete", "pruned") else None,
        params=trial.params,
        distributions={name: json_to_distribution(json_text) for name, json_text in trial.distributions.items()},
        intermediate_values=trial.curve,
    )
