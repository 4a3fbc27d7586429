"""The state of a study: its trials, and what decisions need to know of them, kept up to date event by event.

Every question that is asked once a trial is answered without going through the trials, so that the ten-thousandth costs
what the first did.
"""

import bisect
import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from gear.results import OBJECTIVE, State
from search.campaign.events import AttemptLost, EpochReported, Event, StudyFinished, TrialAsked, TrialEnded
from search.plan.campaign_plan import StudyPlan
from search.plan.purpose import Purpose

__all__ = ["Study", "Trial", "finite"]

FEWEST_FAILURES = 4  # and nothing else, before a study is given up


@dataclass(slots=True)
class Trial:
    """What is known of a trial. `curve`: best validation RMSE so far by epoch, finite ones.

    `purpose` and `of`: see `search.campaign.events.TrialAsked`.
    """

    study: str
    number: int
    params: dict[str, Any]
    distributions: dict[str, str]
    config: dict[str, Any]
    origin: str = ""
    purpose: Purpose = "search"
    of: int | None = None
    attempt: int = 0
    workers_lost: int = 0
    checkpoint: str | None = None
    curve: dict[int, float] = field(default_factory=dict)
    epoch: int = 0
    seconds: float = 0.0
    state: State | Literal["running"] = "running"
    reason: str = ""
    value: float | None = None


@dataclass(slots=True)
class Study:
    """A study: its plan, its trials by number, and its evaluations on test, oldest first.

    Attributes:
        milestones: epochs at which trials are compared.
        searched: the trials of the search itself, in order.
        repeats: those that train one of them again, by its number.
        running: trials that have not ended, by number, lowest first.
        ranking: complete trials of the search, best first.
        rungs: values that its trials had at each milestone, lowest first.
        ended_seconds: time that its ended trials took.
    """

    plan: StudyPlan
    budget: int
    replacements: int
    milestones: Collection[int] = ()
    trials: list[Trial] = field(default_factory=list)
    searched: list[Trial] = field(default_factory=list)
    repeats: dict[int, list[Trial]] = field(default_factory=dict)
    finished: list[StudyFinished] = field(default_factory=list)
    running: dict[int, Trial] = field(default_factory=dict)
    ranking: list[Trial] = field(default_factory=list)
    rungs: dict[int, list[float]] = field(default_factory=dict)
    ended_seconds: float = 0.0
    _ends: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.plan.name

    @property
    def ended(self) -> int:
        """Number of the search's trials that have ended."""
        return self._ends.total()

    @property
    def planned(self) -> int:
        """Trials of the search, as far as is known now: the budget, and a replacement for each failure in the limit."""
        return self.budget + min(self.count("failed"), self.replacements)

    @property
    def to_start(self) -> int:
        """Trials still to be asked for."""
        return 0 if self.given_up else self.planned - len(self.searched)

    @property
    def given_up(self) -> bool:
        """Whether all that was tried failed, and more of it than would be replaced: the rest would fail as well."""
        return self.count("failed") == self.ended > max(self.replacements, FEWEST_FAILURES - 1)

    @property
    def seconds_to_start(self) -> float:
        """Length of the trials still to be asked for, by the mean of those that ended; infinite before the first."""
        return self.to_start * self.ended_seconds / self.ended if self.ended else math.inf

    @property
    def best(self) -> Trial | None:
        """The complete trial with the lowest validation RMSE."""
        return self.ranking[0] if self.ranking else None

    def count(self, state: State) -> int:
        """Number of the search's trials that ended so."""
        return self._ends[state]

    def apply(self, event: Event) -> None:
        """Take an event of this study."""
        match event:
            case TrialAsked(attempt=0):
                self._begin(event)
            case TrialAsked():
                self.trials[event.number].attempt = event.attempt
            case EpochReported():
                self._epoch(self.trials[event.number], event)
            case AttemptLost():
                self.trials[event.number].workers_lost += 1
            case TrialEnded():
                self._end(self.running.pop(event.number), event)
            case StudyFinished():
                self.finished.append(event)

    def _begin(self, event: TrialAsked) -> None:
        what = (event.params, event.distributions, event.config, event.origin, event.purpose, event.of)
        trial = Trial(event.study, event.number, *what)
        self.trials.append(trial)
        self.running[event.number] = trial
        if event.of is None:
            self.searched.append(trial)
        else:
            self.repeats.setdefault(event.of, []).append(trial)

    def _epoch(self, trial: Trial, event: EpochReported) -> None:
        trial.epoch = max(trial.epoch, event.epoch)
        trial.checkpoint = event.checkpoint
        trial.seconds += event.metrics.get("seconds", 0.0)
        value = finite(event.metrics[OBJECTIVE])
        if value is None:
            return
        if event.epoch in self.milestones and trial.purpose == "search":
            rung = self.rungs.setdefault(event.epoch, [])
            if event.epoch in trial.curve:  # an epoch repeated after an interruption
                rung.remove(trial.curve[event.epoch])
            bisect.insort(rung, value)
        trial.value = trial.curve[event.epoch] = value

    def _end(self, trial: Trial, event: TrialEnded) -> None:
        trial.state, trial.reason, trial.value = event.state, event.reason, event.value
        if trial.purpose != "search":
            return
        self._ends[event.state] += 1
        self.ended_seconds += trial.seconds
        if event.state == "complete":
            bisect.insort(self.ranking, trial, key=lambda other: (other.value, other.number))


def finite(value: float) -> float | None:
    """The value, if it is a number."""
    return value if math.isfinite(value) else None
