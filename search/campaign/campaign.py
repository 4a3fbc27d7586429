"""The state of a campaign and its decisions: what to run next, and whether a trial goes on after an epoch.

Every decision is recorded as an event, and only events change the state, so a campaign that is rebuilt from its events
equals the campaign that wrote them. No Ray, no files.
"""

import functools
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gear.config import TrialConfig, TrialSpec
from gear.errors import GearError, StorageError
from gear.parsing import from_dict
from gear.results import OBJECTIVE, State
from search.campaign.arrays import array_size
from search.campaign.asking import Asking
from search.campaign.event_order import EventOrder
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
from search.campaign.pruning import Pruner, TrialProgress, find_pruner
from search.campaign.study import Study, Trial, concerned, finite
from search.campaign.trial_report import TrialReport
from search.plan.campaign_plan import CampaignPlan

__all__ = ["Campaign", "Job"]

MIN_LOSSES = 6  # workers lost in a row before the campaign gives up, if a lost node does not explain so many


@dataclass(frozen=True, slots=True)
class Job:
    """An attempt at a trial that is to be run. It begins from `checkpoint`, relative to the campaign folder."""

    study: str
    number: int
    attempt: int
    spec: TrialSpec
    checkpoint: str | None


class Campaign:
    """Decides what runs and records every decision.

    Args:
        plan: pairs, splits, methods, and how they are searched.
        record: called with the events of each step before they take effect; it stores them.
        events: events that an earlier launch recorded.
        earlier: for each study by name, the studies of earlier campaigns that it may take configurations from, see
            `search.storage.earlier_campaigns`.

    Raises:
        StorageError: the events are not those of a campaign of this plan, for instance since one was lost.
    """

    def __init__(
        self,
        plan: CampaignPlan,
        record: Callable[..., None] = lambda *_: None,
        events: Iterable[Event] = (),
        earlier: Mapping[str, Sequence[Study]] = MappingProxyType({}),
    ) -> None:
        self.plan = plan
        search = plan.search
        self.studies = {study.name: Study(study, search.trials, search.replacements) for study in plan.studies}
        self.asking = Asking(plan, self.studies, earlier)
        self.blends: dict[str, list[BlendFinished]] = {}  # by name, oldest first
        self.blend_evaluations: Counter[str] = Counter()  # by name, those on the test part that were begun
        self.launches: list[Launched] = []  # oldest first; earlier versions recorded none
        self.listeners: list[Callable[..., None]] = []  # called with the events of each step after they took effect
        self.lock = threading.RLock()  # the progress table reads from a thread of its own
        self._record_event = record
        self._live: dict[str, dict[int, Trial]] = {}  # by ticket and place among the attempts that it was given
        self._max_live = self._lost_in_a_row = 0
        self._take_over(events)

    def _take_over(self, events: Iterable[Event]) -> None:
        order = EventOrder(self.studies)
        for event in events:
            try:
                order.take(event)
            except ValueError as error:
                raise StorageError(
                    f"the events of campaign {self.plan.name} do not fit together: {error}: restore them from a copy, "
                    f"or keep the rest by: gear-search repair {self.plan.name}"
                ) from error
            self._apply(event)

    @property
    def done(self) -> bool:
        """Whether every study has used its budget, every trial has ended, and none is to be trained again."""
        return all(not study.running and not self.left(study) for study in self.studies.values())

    @property
    def newest_blends(self) -> list[BlendFinished]:
        """The newest blend of each pair and split, if the campaign is to end with blends."""
        return [found[-1] for found in self.blends.values()] if self.plan.search.final == "blend" else []

    @property
    def tested_blends(self) -> list[BlendFinished]:
        """Those of them that have several members."""
        return [blend for blend in self.newest_blends if blend.scores]

    @property
    def live(self) -> int:
        """Number of tickets with attempts that were handed out and have not ended."""
        return len(self._live)

    def left(self, study: Study) -> int:
        """Number of a study's trials that are still to be started, by what is known now."""
        return self.asking.left(study)

    def running_epochs(self, study: str) -> list[int]:
        """Finished epochs of each of the study's trials that is running, in ascending order."""
        return sorted(trial.epoch for trial in self._running_trials() if trial.study == study)

    def next_job(self, ticket: str) -> Job | None:
        """Hand out the next attempt alone under the caller's ticket; None if there is nothing to run now.

        Interrupted trials come first. Then comes a new trial of the study with the most work left, preferably of one
        that has few trials running.
        """
        return next(iter(self.next_jobs(ticket)), None)

    def next_jobs(self, ticket: str, slots: float = math.inf) -> list[Job]:
        """Hand out the next attempts, to be trained as one array (`search.campaign.arrays`), under one ticket.

        Args:
            ticket: the caller's.
            slots: tickets that may be live at once; without a limit there is no array.
        """
        with self.lock:
            interrupted = self._interrupted()
            asked = self.asking.again(interrupted[0]) if interrupted else self.asking.new() or self.asking.repeat()
            if asked is None:
                return []
            found = [self._handed_out(ticket, asked)]
            first = self._live[ticket][0]
            # those that are left, and the first
            size = array_size(self.plan.search, first.purpose, lambda: 1 + self._waiting(), slots)
            for more in itertools.islice(self.asking.company(first, interrupted[1:]), size - 1):
                found.append(self._handed_out(ticket, more))
            self._max_live = max(self._max_live, len(self._live))
            return found

    def _handed_out(self, ticket: str, asked: TrialAsked) -> Job:
        self._record(asked)
        trials = self._live.setdefault(ticket, {})
        trials[len(trials)] = self.studies[asked.study].trials[asked.number]
        return Job(asked.study, asked.number, asked.attempt, self.spec(asked.study, asked.number), asked.checkpoint)

    def _waiting(self) -> int:
        """Number of trials that could be handed out now."""
        return len(self._interrupted()) + sum(map(self.left, self.studies.values()))

    def report(self, ticket: str, row: TrialReport, place: int = 0) -> bool:
        """Record an epoch of a trial, and return whether the trial is to stop.

        Args:
            ticket: of the attempt. An unknown ticket belongs to attempts that were given up.
            row: the report of the epoch.
            place: of the attempt among those of the ticket.
        """
        with self.lock:
            trial = self._live.get(ticket, {}).get(place)
            if trial is None:
                return True
            state, reason = self._verdict(trial, row)
            events: list[Event] = []
            value, epochs = trial.value, trial.epoch
            if row.epoch is not None:
                key = (trial.study, trial.number, trial.attempt)
                events.append(EpochReported(*key, row.epoch, dict(row.metrics), row.checkpoint))
                value, epochs = finite(row.metrics[OBJECTIVE]), row.epoch
                self._lost_in_a_row = 0
            if state != "running":
                events.append(TrialEnded(trial.study, trial.number, state, reason, value, epochs))
                del self._live[ticket][place]
                if not self._live[ticket]:
                    del self._live[ticket]
            self._record(*events)
            return state != "running"

    def lose(self, ticket: str, reason: str) -> None:
        """Record that the worker of a ticket died: its trials are interrupted, or fail if they lost too many workers.

        Raises:
            GearError: too many workers in a row died before any finished an epoch; more would die as well.
        """
        with self.lock:
            trials = self._live.pop(ticket, None)
            if trials is None:
                return
            for trial in trials.values():
                events: list[Event] = [AttemptLost(trial.study, trial.number, trial.attempt, reason)]
                lost = trial.workers_lost + 1
                if lost >= self.plan.search.attempts:
                    why = f"{lost} workers died while they trained it: {reason}"
                    events.append(TrialEnded(trial.study, trial.number, "failed", why, trial.value, trial.epoch))
                self._record(*events)
            self._lost_in_a_row += 1
            if self._lost_in_a_row >= max(MIN_LOSSES, 2 * self._max_live):
                raise GearError(f"{self._lost_in_a_row} workers in a row died before any finished an epoch: {reason}")

    def launch(self, at: str, versions: Mapping[str, str]) -> None:
        """Record that this launch begins, before anything else happens in it."""
        with self.lock:
            self._record(Launched(at, dict(versions)))

    def begin_evaluation(self, name: str) -> int:
        """Record that a study's winner or a blend is about to be evaluated on the test part; the number of times."""
        with self.lock:
            self._record(EvaluationBegun(name))
            return self.studies[name].evaluations if name in self.studies else self.blend_evaluations[name]

    def lose_checkpoint(self, study: str, number: int, reason: str) -> None:
        """Record that the models of an ended trial cannot be read any more."""
        with self.lock:
            self._record(CheckpointLost(study, number, reason))

    def finish_study(self, finished: StudyFinished) -> None:
        """Record that the winner of a study was evaluated on the test part."""
        with self.lock:
            self._record(finished)

    def finish_blend(self, finished: BlendFinished) -> None:
        """Record that the members of a blend were chosen and tested."""
        with self.lock:
            self._record(finished)

    def spec(self, study: str, number: int) -> TrialSpec:
        """The full specification of a trial."""
        plan, settings, trial = self.studies[study].plan, self.plan.search, self.studies[study].trials[number]
        config, folds = from_dict(TrialConfig, trial.config), self.plan.folds(plan.split, trial.purpose)
        return TrialSpec(
            pair=plan.pair,
            split=plan.split,
            split_seed=settings.split_seed,
            threads=settings.cpus_per_trial,
            config=config,
            folds=folds,
            gpu_share=settings.gpus_per_trial,
            labels="all" if trial.purpose == "all-labels" else "train",
        )

    def _running_trials(self) -> Iterator[Trial]:
        """The trials that were handed out and have not ended."""
        return (trial for trials in self._live.values() for trial in trials.values())

    def _interrupted(self) -> list[Trial]:
        """The interrupted trials that were not handed out again, in the order of studies and numbers."""
        live = {id(trial) for trial in self._running_trials()}
        running = (trial for study in self.studies.values() for trial in study.running.values())
        return [trial for trial in running if id(trial) not in live]

    def _verdict(self, trial: Trial, row: TrialReport) -> tuple[State | Literal["running"], str]:
        if row.epoch is None or row.status == "failed":
            return "failed", row.reason
        value, epoch = row.metrics[OBJECTIVE], row.epoch
        if not math.isfinite(value):
            return "failed", f"validation RMSE is {value} at epoch {epoch}"
        if row.status == "complete":
            return "complete", row.reason
        # an epoch that is repeated after an interruption was judged the first time
        if epoch >= self.plan.grace_epochs and epoch > trial.epoch and trial.purpose == "search":
            reason = self._pruner(self._progress(trial, epoch, value))
            return ("pruned", reason) if reason else ("running", "")
        return "running", ""

    @functools.cached_property
    def _pruner(self) -> Pruner:
        """Loaded when it is first needed, so that a campaign can be read where a user's own pruner is missing."""
        return find_pruner(self.plan.search.pruner)

    def _progress(self, trial: Trial, epoch: int, value: float) -> TrialProgress:
        study = self.studies[trial.study]
        return TrialProgress(
            epoch=epoch,
            value=value,
            number=trial.number,
            rung=study.rungs.get(epoch, []),
            curves=study.curves,
            grace_epochs=self.plan.grace_epochs,
            epochs=self.plan.epochs,
            reduction_factor=self.plan.search.reduction_factor,
        )

    def _record(self, *events: Event) -> None:
        self._record_event(*events)
        for event in events:
            self._apply(event)
        for listener in self.listeners:
            listener(*events)

    def _apply(self, event: Event) -> None:
        match event:
            case Launched():
                self.launches.append(event)
            case BlendFinished():
                self.blends.setdefault(event.name, []).append(event)
                most = max(self.blend_evaluations[event.name], event.test_evaluations)  # as in `Study.apply`
                self.blend_evaluations[event.name] = most
            case EvaluationBegun() if event.name not in self.studies:
                self.blend_evaluations[event.name] += 1
        for study in concerned(self.studies, event):
            study.apply(event)
