"""An Optuna study with the trials that are recorded of a study of a campaign."""

import contextlib
import functools
import math
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
        arrays_as_one: of the trials of an array, which have most of their parameters in common, only the best has a
            result, once all have ended; until then all are running. Otherwise a sampler would take their number for
            evidence that these parameters are good.
    """

    def __init__(self, place: Callable[[Trial], Placed] = as_recorded, *, arrays_as_one: bool = False) -> None:
        self._place, self._arrays_as_one = place, arrays_as_one
        self._storage = optuna.storages.InMemoryStorage()  # of this study only, so the id of a trial is its number
        self.study = new_study(self._storage)
        self.space = IntersectionSearchSpace(include_pruned=True)
        self.size = 0
        self._running: set[int] = set()
        self._sorted = 0  # number of trials whose arrays are known
        self._arrays: dict[int, list[int]] = {}  # of the array's first trial by its number, the places of all

    def follow(self, trials: Sequence[Trial]) -> None:
        """Add what was recorded since the last call.

        Args:
            trials: of the search of a study, in order; those of the last call, and maybe more.
        """
        for index, trial in enumerate(trials[self._sorted :], self._sorted):
            self._arrays.setdefault(self._array(trial), []).append(index)
        self._sorted = len(trials)
        for index in sorted(self._running):
            if (state := self._state(trials, index)) != TrialState.RUNNING:
                self._end(index, trials[index], state)
        for index, trial in enumerate(trials[self.size :], self.size):
            state = self._state(trials, index)
            self.study.add_trial(_frozen(trial, self._place(trial), state))
            if state == TrialState.RUNNING:
                self._running.add(index)
        self.size = len(trials)

    def _state(self, trials: Sequence[Trial], index: int) -> TrialState:
        """The state that a trial has in the study."""
        array = [trials[place] for place in self._arrays[self._array(trials[index])]]
        if any(trial.state == "running" for trial in array):
            return TrialState.RUNNING
        return _STATES[trials[index].state] if trials[index] is min(array, key=_rank) else TrialState.FAIL

    def _array(self, trial: Trial) -> int:
        """The number of the first trial of its array, which is its own where there is none."""
        return trial.array if trial.array is not None and self._arrays_as_one else trial.number

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

    def _end(self, index: int, trial: Trial, state: TrialState) -> None:
        for epoch, value in trial.curve.items():
            self._storage.set_trial_intermediate_value(index, epoch, value)
        result = _value(trial, state)
        self._storage.set_trial_state_values(index, state, None if result is None else [result])
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


def _rank(trial: Trial) -> tuple[bool, bool, float]:
    """Lowest for the best trial: complete ones before those that were stopped, before failed ones."""
    return trial.state == "failed", trial.state != "complete", min(trial.curve.values(), default=math.inf)


def _frozen(trial: Trial, placed: Placed, state: TrialState) -> FrozenTrial:
    return create_trial(
        state=state,
        value=_value(trial, state),
        params=dict(placed.params),
        distributions=dict(placed.distributions),
        intermediate_values=trial.curve,
    )


def _value(trial: Trial, state: TrialState) -> float | None:
    return min(trial.curve.values()) if state in (TrialState.COMPLETE, TrialState.PRUNED) else None
