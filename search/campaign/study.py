"""The state of a study: its trials, and what decisions need to know of them, updated event by event.

What is asked once for each trial is answered without a loop over the trials, so that the ten-thousandth trial costs as
much as the first.
"""

import bisect
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gear.evaluation.diagnostics import Finding, diagnose
from gear.results import OBJECTIVE, EpochResult, State
from search.campaign.events import (
    AttemptLost,
    BlendFinished,
    CheckpointLost,
    EpochReported,
    EvaluationBegun,
    Event,
    Launched,
    StudyFinished,
    TrialAsked,
    TrialEnded,
)
from search.plan.campaign_plan import StudyPlan
from search.plan.purpose import Purpose

__all__ = ["Study", "Trial", "concerned", "finite"]

MIN_FAILURES = 4  # without any success, before a study is given up


@dataclass(slots=True)
class Trial:
    """What is recorded of a trial. `curve`: by epoch, the best validation RMSE so far, standardised, if it is finite.

    `purpose`, `of` and `array`: see `search.campaign.events.TrialAsked`. `findings`: what looks wrong with it, after
    its end.
    `versions`: of the launches that trained it, each once, oldest first; empty where an earlier version trained it.
    `lost`: why its checkpoint cannot be read, if that was recorded.
    """

    study: str
    number: int
    params: dict[str, Any]
    distributions: dict[str, str]
    config: dict[str, Any]
    origin: str = ""
    purpose: Purpose = "search"
    of: int | None = None
    array: int | None = None
    attempt: int = 0
    workers_lost: int = 0
    checkpoint: str | None = None
    curve: dict[int, float] = field(default_factory=dict)
    epoch: int = 0
    best_epoch: int = 0
    seconds: float = 0.0
    state: State | Literal["running"] = "running"
    reason: str = ""
    value: float | None = None
    findings: Sequence[Finding] = ()
    versions: tuple[Mapping[str, str], ...] = ()
    lost: str = ""


@dataclass(slots=True)
class Study:
    """A study.

    Attributes:
        plan: its pair, split and method.
        budget: number of trials of the search.
        replacements: maximum number of failed trials that are replaced.
        trials: all trials, by number.
        searched: the trials of the search itself, in order.
        repeats: by number of a trial of the search, the trials that train it again.
        finished: results of its winners, oldest first; the last one holds.
        evaluations: number of evaluations on the test part that were begun.
        versions: of the newest launch; empty before the first that recorded them.
        blended: numbers of its trials that are members of the newest blend of its pair and split.
        running: trials that have not ended, by number, lowest first.
        ranking: complete trials of the search, best first.
        curves: of the trials of the search, by number.
        rungs: values that the trials of the search had after each epoch, lowest first.
        ended_seconds: total time of its ended trials.
    """

    plan: StudyPlan
    budget: int
    replacements: int
    trials: list[Trial] = field(default_factory=list)
    searched: list[Trial] = field(default_factory=list)
    repeats: dict[int, list[Trial]] = field(default_factory=dict)
    finished: list[StudyFinished] = field(default_factory=list)
    evaluations: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    blended: tuple[int, ...] = ()
    running: dict[int, Trial] = field(default_factory=dict)
    ranking: list[Trial] = field(default_factory=list)
    curves: dict[int, dict[int, float]] = field(default_factory=dict)
    rungs: dict[int, list[float]] = field(default_factory=dict)
    ended_seconds: float = 0.0
    _metrics: dict[int, dict[int, Mapping[str, float]]] = field(default_factory=dict)  # of running trials, by epoch
    _ends: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.plan.name

    @property
    def ended(self) -> int:
        """Number of trials of the search that have ended."""
        return self._ends.total()

    @property
    def planned(self) -> int:
        """Number of trials of the search, by what is known now: the budget and the replacements of failed trials."""
        return self.budget + min(self.count("failed"), self.replacements)

    @property
    def to_start(self) -> int:
        """Number of trials of the search that are still to be started."""
        return 0 if self.given_up else self.planned - len(self.searched)

    @property
    def given_up(self) -> bool:
        """Whether all trials so far failed, more of them than are replaced: the others would fail as well."""
        return self.count("failed") == self.ended > max(self.replacements, MIN_FAILURES - 1)

    @property
    def seconds_to_start(self) -> float:
        """Expected time of the trials still to be started, by the mean of the ended ones; infinite before the first."""
        return self.to_start * self.ended_seconds / self.ended if self.ended else math.inf

    @property
    def best(self) -> Trial | None:
        """The complete trial with the lowest validation RMSE."""
        return self.ranking[0] if self.ranking else None

    def count(self, state: State) -> int:
        """Number of trials of the search that ended in a state."""
        return self._ends[state]

    def apply(self, event: Event) -> None:
        """Update the state by a launch, an event of this study, or a blend of its pair and split."""
        match event:
            case Launched():
                self.versions = event.versions
            case TrialAsked():
                self._begin(event)
            case EpochReported():
                self._epoch(self.trials[event.number], event)
            case AttemptLost():
                self.trials[event.number].workers_lost += 1
            case TrialEnded():
                self._end(self.running.pop(event.number), event)
            case EvaluationBegun():
                self.evaluations += 1
            case CheckpointLost():
                self.trials[event.number].lost = event.reason
            case StudyFinished():
                self.finished.append(event)
                self.evaluations = max(self.evaluations, event.test_evaluations)  # earlier versions recorded only this
            case BlendFinished():
                several = event.members if len(event.members) > 1 else ()
                self.blended = tuple(member.number for member in several if member.study == self.name)

    def _begin(self, event: TrialAsked) -> None:
        if event.attempt == 0:
            self._add(event)
        trial = self.trials[event.number]
        trial.attempt = event.attempt
        if self.versions and self.versions not in trial.versions:
            trial.versions = (*trial.versions, self.versions)

    def _add(self, event: TrialAsked) -> None:
        what = (event.params, event.distributions, event.config, event.origin, event.purpose, event.of, event.array)
        trial = Trial(event.study, event.number, *what)
        self.trials.append(trial)
        self.running[event.number] = trial
        if event.of is None:
            self.searched.append(trial)
            self.curves[event.number] = trial.curve
        else:
            self.repeats.setdefault(event.of, []).append(trial)

    def _epoch(self, trial: Trial, event: EpochReported) -> None:
        trial.epoch = max(trial.epoch, event.epoch)
        trial.best_epoch = int(event.metrics.get("best_epoch", event.epoch))
        trial.checkpoint = event.checkpoint
        trial.seconds += event.metrics.get("seconds", 0.0)
        if "validation_rmse" in event.metrics:  # simulated epochs have only the objective
            self._metrics.setdefault(event.number, {})[event.epoch] = event.metrics
        value = finite(event.metrics[OBJECTIVE])
        if value is None:
            return
        if trial.purpose == "search":
            rung = self.rungs.setdefault(event.epoch, [])
            if event.epoch in trial.curve:  # an epoch repeated after an interruption
                rung.remove(trial.curve[event.epoch])
            bisect.insort(rung, value)
        trial.value = trial.curve[event.epoch] = value

    def _end(self, trial: Trial, event: TrialEnded) -> None:
        trial.state, trial.reason, trial.value = event.state, event.reason, event.value
        epochs = self._metrics.pop(event.number, {})
        trial.findings = diagnose([EpochResult.from_metrics(epoch, found) for epoch, found in epochs.items()])
        if trial.purpose != "search":
            return
        self._ends[event.state] += 1
        self.ended_seconds += trial.seconds
        if event.state == "complete":
            bisect.insort(self.ranking, trial, key=lambda other: (other.value, other.number))


def concerned(studies: Mapping[str, Study], event: Event) -> Sequence[Study]:
    """The studies, of all by name, whose state an event changes."""
    match event:
        case Launched():
            return list(studies.values())
        case BlendFinished():
            place = event.pair, event.split
            return [study for study in studies.values() if (study.plan.pair.id, study.plan.split) == place]
        case EvaluationBegun():
            return [studies[event.name]] if event.name in studies else []
    return [studies[event.study]]


def finite(value: float) -> float | None:
    """The value, or None if it is infinite or not a number."""
    return value if math.isfinite(value) else None
