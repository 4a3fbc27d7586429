"""What to try next in a study: an Optuna study that follows the recorded trials, asked with a sampler made afresh.

A proposal is a function of the recorded trials and their number, so a campaign that was resumed proposes what it would
have proposed without the interruption.
"""

import dataclasses
import functools
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState, create_trial

from gear.config import TrialConfig
from search.events import State
from search.plan import SamplerName, SearchSettings, stable_seed
from search.related import Borrowed
from search.space import defaults, suggest
from search.study import Study, Trial

__all__ = ["Proposal", "Proposer", "Record", "random_configs"]

_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
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
        self._record = Record()

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
            apart = _new_study()
            apart.sampler = RandomSampler(seed=seed)
            if given is not None:
                apart.enqueue_trial(dict(given.params))
            trial = apart.ask()
        else:
            if self._record.size > len(trials):  # the last proposal was never recorded
                self._record = Record()
            trial = self._record.ask(trials, sampler, seed)
        config = suggest(trial, self._method, self._base, vary)
        distributions = {name: distribution_to_json(d) for name, d in trial.distributions.items()}
        origin = sampler if given is None else given.origin
        return Proposal(dataclasses.replace(config, seed=seed), trial.params, distributions, origin)


class Record:
    """An Optuna study that follows recorded trials: what has happened since the last look is added to it.

    It holds what a study made at once of the same trials would hold.
    """

    def __init__(self) -> None:
        self._storage = optuna.storages.InMemoryStorage()  # its own, so the id of a trial is its number
        self.study = _new_study(self._storage)
        self.space = IntersectionSearchSpace(include_pruned=True)
        self.size = 0
        self._running: set[int] = set()

    def follow(self, trials: Sequence[Trial]) -> None:
        """Catch up."""
        for index in sorted(self._running):
            if trials[index].state != "running":
                self._end(index, trials[index])
        for index, trial in enumerate(trials[self.size :], self.size):
            self.study.add_trial(_frozen(trial))
            if trial.state == "running":
                self._running.add(index)
        self.size = len(trials)

    def ask(self, trials: Sequence[Trial], sampler: Literal["tpe", "gp"], seed: int) -> optuna.Trial:
        """The next trial of a sampler made for it; it is to be recorded."""
        self.follow(trials)
        self.study.sampler = _make_sampler(sampler, seed, self.space)
        trial = self.study.ask()
        self._running.add(trial.number)
        self.size += 1
        return trial

    def _end(self, index: int, trial: Trial) -> None:
        for epoch, value in trial.curve.items():
            self._storage.set_trial_intermediate_value(index, epoch, value)
        result = _value(trial)
        self._storage.set_trial_state_values(index, _STATES[trial.state], None if result is None else [result])
        self._running.remove(index)


def random_configs(method: str, base: TrialConfig, vary: Collection[str], count: int) -> list[TrialConfig]:
    """So many configurations of a method's space, the same ones every time."""
    study = _new_study()
    study.sampler = RandomSampler(seed=0)
    return [suggest(study.ask(), method, base, vary) for _ in range(count)]


def _new_study(storage: optuna.storages.BaseStorage | None = None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(storage=storage, direction="minimize")


def _sampler_now(settings: SearchSettings, study: Study) -> SamplerName:
    """The sampler of the settings, and chance while there is too little that it could learn from."""
    if settings.sampler == "random":
        return "random"
    known = sum(map(study.count, _LEARNS_FROM[settings.sampler]))
    return settings.sampler if known >= max(1, settings.startup_trials) else "random"


class _OfRecord(BaseSampler):
    """Takes the search space from one who remembers it, where a new sampler would go through all trials for it."""

    known: IntersectionSearchSpace

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What all trials that ended chose from."""
        return {name: found for name, found in self.known.calculate(study).items() if not found.single()}


class _TPE(_OfRecord, TPESampler):
    pass


class _GP(_OfRecord, GPSampler):
    pass


def _make_sampler(name: Literal["tpe", "gp"], seed: int, known: IntersectionSearchSpace) -> BaseSampler:
    sampler: _TPE | _GP
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
        if name == "gp":
            sampler = _GP(n_startup_trials=1, seed=seed)
        else:
            sampler = _TPE(n_startup_trials=1, multivariate=True, seed=seed)
    sampler.known = known
    return sampler


_distribution = functools.lru_cache(maxsize=1024)(json_to_distribution)  # a study's trials have the same ones


def _frozen(trial: Trial) -> FrozenTrial:
    distributions: dict[str, BaseDistribution] = {name: _distribution(d) for name, d in trial.distributions.items()}
    return create_trial(
        state=_STATES[trial.state],
        value=_value(trial),
        params=trial.params,
        distributions=distributions,
        intermediate_values=trial.curve,
    )


def _value(trial: Trial) -> float | None:
    return min(trial.curve.values()) if trial.state in ("complete", "pruned") else None
