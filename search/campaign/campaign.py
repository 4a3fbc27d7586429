"""The state of a campaign and its decisions: what to run next, and whether a trial goes on after an epoch.

Every decision is recorded as an event, and only events change the state, so a campaign that is rebuilt from its events
equals the campaign that wrote them. No Ray, no files.
"""

import functools
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gear.config import TrialConfig, TrialSpec
from gear.errors import GearError, StorageError
from gear.parsing import from_dict, to_dict
from gear.results import OBJECTIVE, State
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
from search.campaign.proposer import Proposer
from search.campaign.pruning import Pruner, TrialProgress, find_pruner
from search.campaign.selection import repeats_to_start, unvalidated
from search.campaign.study import Study, Trial, concerned, finite
from search.campaign.study_transfer import transferred_start
from search.campaign.trial_report import TrialReport
from search.plan.campaign_plan import CampaignPlan, stable_seed

__all__ = ["Campaign", "Job"]

MIN_LOSSES = 6  # workers lost in a row before the campaign gives up, if a lost node does not explain so many
MIN_ROUNDS = 5  # at most a fifth of a study's budget runs at once, so that the sampler learns between proposals


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
        self._earlier = earlier
        search = plan.search
        self.studies = {study.name: Study(study, search.trials, search.replacements) for study in plan.studies}
        self._proposers = {study.name: Proposer(study.method, plan.config, search) for study in plan.studies}
        self.blends: dict[str, list[BlendFinished]] = {}  # by name, oldest first
        self.blend_evaluations: Counter[str] = Counter()  # by name, those on the test part that were begun
        self.launches: list[Launched] = []  # oldest first; earlier versions recorded none
        self.listeners: list[Callable[..., None]] = []  # called with the events of each step after they took effect
        self.lock = threading.RLock()  # the progress table reads from a thread of its own
        self._record_event = record
        self._live: dict[str, Trial] = {}
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
        """Number of attempts that were handed out and have not ended."""
        return len(self._live)

    def left(self, study: Study) -> int:
        """Number of a study's trials that are still to be started, by what is known now."""
        return max(study.to_start, 0) or len(repeats_to_start(study, self.plan.search))

    def running_epochs(self, study: str) -> list[int]:
        """Finished epochs of each of the study's trials that is running, in ascending order."""
        return sorted(trial.epoch for trial in self._live.values() if trial.study == study)

    def next_job(self, ticket: str) -> Job | None:
        """Hand out the next attempt under the caller's ticket; None if there is nothing to run now.

        Interrupted trials come first. Then comes a new trial of the study with the most work left, preferably of one
        that has few trials running.
        """
        with self.lock:
            interrupted = self._interrupted()
            again = None if interrupted is None else self._ask_again(interrupted)
            asked = again or self._ask_new() or self._ask_repeat()
            if asked is None:
                return None
            self._record(asked)
            study = self.studies[asked.study]
            self._live[ticket] = study.trials[asked.number]
            self._max_live = max(self._max_live, len(self._live))
            return Job(asked.study, asked.number, asked.attempt, self.spec(asked.study, asked.number), asked.checkpoint)

    def report(self, ticket: str, row: TrialReport) -> bool:
        """Record an epoch of a trial, and return whether the trial is to stop.

        Args:
            ticket: of the attempt. An unknown ticket belongs to an attempt that was given up.
            row: the report of the epoch.
        """
        with self.lock:
            trial = self._live.get(ticket)
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
                del self._live[ticket]
            self._record(*events)
            return state != "running"

    def lose(self, ticket: str, reason: str) -> None:
        """Record that the worker of an attempt died: the trial is interrupted, or fails if it lost too many workers.

        Raises:
            GearError: too many workers in a row died before any finished an epoch; more would die as well.
        """
        with self.lock:
            trial = self._live.pop(ticket, None)
            if trial is None:
                return
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

    def _interrupted(self) -> Trial | None:
        live = {id(trial) for trial in self._live.values()}
        running = (trial for study in self.studies.values() for trial in study.running.values())
        return next((trial for trial in running if id(trial) not in live), None)

    def _ask_again(self, trial: Trial) -> TrialAsked:
        return TrialAsked(
            trial.study,
            trial.number,
            trial.attempt + 1,
            trial.params,
            trial.distributions,
            trial.config,
            trial.checkpoint,
            trial.origin,
            trial.purpose,
            trial.of,
        )

    def _ask_new(self) -> TrialAsked | None:
        open_studies = [study for study in self.studies.values() if study.to_start > 0]
        if not open_studies:
            return None
        study = max(open_studies, key=self._urgency)
        own = self.studies.values() if self.plan.search.transfer_starts else ()
        others = [*own, *self._earlier.get(study.name, ())]
        start = transferred_start(study, others, self.plan.search, self.plan.config)
        found = self._proposers[study.name].propose(study, start)
        return TrialAsked(
            study=study.name,
            number=len(study.trials),
            attempt=0,
            params=found.params,
            distributions=found.distributions,
            config=to_dict(found.config),
            origin=found.origin,
        )

    def _ask_repeat(self) -> TrialAsked | None:
        """A trial of a finished search that is trained again, with a seed of its own."""
        for study in self.studies.values():
            for repeat in repeats_to_start(study, self.plan.search):
                trial, number = repeat.trial, len(study.trials)
                seed = stable_seed(self.plan.search.seed, study.name, repeat.purpose, number)
                config = {**trial.config, "seed": seed}
                if repeat.purpose == "all-labels":
                    config["training"] = trial.config["training"] | unvalidated(study, trial)
                return TrialAsked(
                    study=study.name,
                    number=number,
                    attempt=0,
                    params=trial.params,
                    distributions=trial.distributions,
                    config=config,
                    origin=f"{repeat.purpose} of #{trial.number}",
                    purpose=repeat.purpose,
                    of=trial.number,
                )
        return None

    def _urgency(self, study: Study) -> tuple[bool, float, int]:
        has_room = len(study.running) < _max_running(study)
        return has_room, study.seconds_to_start, study.to_start

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


def _max_running(study: Study) -> int:
    return max(1, study.budget // MIN_ROUNDS)
