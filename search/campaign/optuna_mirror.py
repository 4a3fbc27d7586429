"""An Optuna study with the trials that are recorded of a study of a campaign."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import optuna
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import PartialFixedSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.campaign.builtin_samplers import KnownSpace
from search.campaign.samplers import Sampler
from search.campaign.study import Trial

__all__ = ["OptunaMirror", "Placed", "as_recorded", "new_study", "quiet_optuna"]

_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class Placed(NamedTuple):
    """Parameters of a trial, and the distribution of each."""

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]


_distribution = functools.lru_cache(maxsize=1024)(json_to_distribution)  # trials of a study share them


def as_recorded(trial: Trial) -> Placed:
    """The parameters and distributions that a trial was recorded with."""
    return Placed(trial.params, {name: _distribution(d) for name, d in trial.distributions.items()})


class OptunaMirror:
    """An Optuna study that follows recorded trials: each call adds only what is new.

    It equals an Optuna study that is built in one go from the same trials.

    Args:
        place: gives the parameters and distributions that the study has of a trial.
    """

    def __init__(self, place: Callable[[Trial], Placed] = as_recorded) -> None:
        self._place = place
        self._storage = optuna.storages.InMemoryStorage()  # of this study only, so the id of a trial is its number
        self.study = new_study(self._storage)
        self.space = IntersectionSearchSpace(include_pruned=True)
        self.size = 0
        self._running: set[int] = set()

    def follow(self, trials: Sequence[Trial]) -> None:
        """Add what was recorded since the last call.

        Args:
            trials: of the search of a study, in order; those of the last call, and maybe more.
        """
        for index in sorted(self._running):
            if trials[index].state != "running":
                self._end(index, trials[index])
        for index, trial in enumerate(trials[self.size :], self.size):
            self.study.add_trial(_frozen(trial, self._place(trial)))
            if trial.state == "running":
                self._running.add(index)
        self.size = len(trials)

    def ask(
        self, trials: Sequence[Trial], sampler: Sampler, seed: int, held: Mapping[str, Any] = MappingProxyType({})
    ) -> optuna.Trial:
        """The next trial, of a sampler made for it, with the parameters that are held; the caller records it."""
        self.follow(trials)
        self.study.sampler = sampler.make(seed=seed)
        if isinstance(self.study.sampler, KnownSpace):
            self.study.sampler.known = self.space
        if held:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self.study.sampler = PartialFixedSampler(dict(held), self.study.sampler)
        trial = self.study.ask()
        self._running.add(trial.number)
        self.size += 1
        return trial

    def amend(self, trial: optuna.Trial, params: Mapping[str, Any]) -> None:
        """Give a trial that was just asked for the parameters that will be recorded of it, where they differ."""
        for name, value in params.items():
            if value != trial.params[name]:
                distribution = trial.distributions[name]
                internal = distribution.to_internal_repr(value)
                self._storage.set_trial_param(trial.number, name, internal, distribution)

    def _end(self, index: int, trial: Trial) -> None:
        for epoch, value in trial.curve.items():
            self._storage.set_trial_intermediate_value(index, epoch, value)
        result = _value(trial)
        self._storage.set_trial_state_values(index, _STATES[trial.state], None if result is None else [result])
        self._running.remove(index)


def new_study(storage: optuna.storages.BaseStorage | None = None) -> optuna.Study:
    """An empty study of Optuna's, to be minimised; made without the line that Optuna prints of it."""
    with quiet_optuna():
        return optuna.create_study(storage=storage, direction="minimize")


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Only Optuna's warnings for the length of a block."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _frozen(trial: Trial, placed: Placed) -> FrozenTrial:
    return create_trial(
        state=_STATES[trial.state],
        value=_value(trial),
        params=dict(placed.params),
        distributions=dict(placed.distributions),
        intermediate_values=trial.curve,
    )


def _value(trial: Trial) -> float | None:
    return min(trial.curve.values()) if trial.state in ("complete", "pruned") else None
