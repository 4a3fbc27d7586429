"""An Optuna study that holds what happened in a study of a campaign."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.campaign import samplers
from search.campaign.study import Trial

__all__ = ["OptunaMirror", "new_study", "quiet_optuna"]

_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class OptunaMirror:
    """An Optuna study that follows recorded trials: what has happened since the last look is added to it.

    It holds what a study made at once of the same trials would hold.
    """

    def __init__(self) -> None:
        self._storage = optuna.storages.InMemoryStorage()  # its own, so the id of a trial is its number
        self.study = new_study(self._storage)
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
        self.study.sampler = samplers.make_sampler(sampler, seed, self.space)
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
