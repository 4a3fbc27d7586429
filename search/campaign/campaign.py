"""The state of a campaign and its decisions: what to run next, and the verdict on every epoch. No Ray, no files.

Every decision is recorded as an event, and only events change the state, so a campaign rebuilt from its events is the
campaign that wrote them.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gear.config import TrialConfig, TrialSpec, from_dict, to_dict
from gear.errors import GearError
from gear.results import OBJECTIVE, State
from search.campaign.events import AttemptLost, EpochReported, Event, StudyFinished, TrialAsked, TrialEnded
from search.campaign.proposer import Proposer
from search.campaign.pruning import milestones, stops
from search.campaign.selection import repeats_to_start
from search.campaign.study import Study, Trial, finite
from search.campaign.study_transfer import borrow
from search.campaign.trial_report import TrialReport
from search.plan.campaign_plan import CampaignPlan, stable_seed

__all__ = ["Campaign", "Job"]

FEWEST_LOSSES = 6  # in a row, and more than a lost node explains, before the campaign gives up
SHARE_IN_FLIGHT = 5  # at most a fifth of a study's budget at once, or the sampler proposes without having learnt


@dataclass(frozen=True, slots=True)
class Job:
    """An attempt at a trial, to be run: `checkpoint` is where it goes on from, relative to the campaign folder."""

    study: str
    number: int
    attempt: int
    spec: TrialSpec
    checkpoint: str | None


class Campaign:
    """Decides and records.

    Args:
        plan: what to do.
        record: called with the events of each step before they take effect; it makes them last.
        events: what an earlier launch recorded.
        earlier: for each study those of other campaigns that it may take from, see `search.storage.earlier_campaigns`.
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
        self._milestones = milestones(
            search.grace_steps, plan.config.training.epoch_steps, search.reduction_factor, plan.epochs
        )
        self.studies = {
            study.name: Study(study, search.trials, search.replacements, self._milestones) for study in plan.studies
        }
        self._proposers = {study.name: Proposer(study.method, plan.config, search) for study in plan.studies}
        self.listeners: list[Callable[..., None]] = []  # told the events of each step after they took effect
        self.lock = threading.RLock()  # the progress table reads from its own thread
        self._record_event = record
        self._live: dict[str, Trial] = {}
        self._most_live = self._lost_in_a_row = 0
        for event in events:
            self._apply(event)

    @property
    def done(self) -> bool:
        """Whether every study has used its budget, no trial is left to end and none to be trained again."""
        return all(not study.running and not self.left(study) for study in self.studies.values())

    @property
    def live(self) -> int:
        """Attempts handed out and not ended."""
        return len(self._live)

    def left(self, study: Study) -> int:
        """Trials of a study still to be asked for, as far as is known now."""
        return max(study.to_start, 0) or len(repeats_to_start(study, self.plan.search))

    def running_epochs(self, study: str) -> list[int]:
        """Finished epochs of the study's trials that are handed out."""
        return sorted(trial.epoch for trial in self._live.values() if trial.study == study)

    def next_job(self, ticket: str) -> Job | None:
        """Hand out the next attempt under the caller's ticket; None when there is nothing to run now.

        Interrupted trials come first; then the study with most left to start, if possible one that has few trials
        in flight.
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
            self._most_live = max(self._most_live, len(self._live))
            return Job(asked.study, asked.number, asked.attempt, self.spec(asked.study, asked.number), asked.checkpoint)

    def report(self, ticket: str, row: TrialReport) -> bool:
        """Take an epoch of a trial; returns whether the trial is to stop.

        Args:
            ticket: that the attempt was handed out under; an unknown one belongs to an attempt given up.
            row: what it reports.
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
        """The worker of an attempt died: the trial is interrupted, or fails if it has lost too many.

        Raises:
            GearError: workers die one after the other and none finishes an epoch; going on would waste the budget.
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
            if self._lost_in_a_row >= max(FEWEST_LOSSES, 2 * self._most_live):
                raise GearError(f"{self._lost_in_a_row} workers in a row died before any finished an epoch: {reason}")

    def finish_study(self, finished: StudyFinished) -> None:
        """Record that the winner of a study was evaluated."""
        with self.lock:
            self._record(finished)

    def spec(self, study: str, number: int) -> TrialSpec:
        """The full specification of a trial."""
        plan, settings, trial = self.studies[study].plan, self.plan.search, self.studies[study].trials[number]
        config, folds = from_dict(TrialConfig, trial.config), self.plan.folds(plan.split, trial.purpose)
        share = settings.gpus_per_trial
        return TrialSpec(plan.pair, plan.split, settings.split_seed, settings.cpus_per_trial, config, folds, share)

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
        own = self.studies.values() if self.plan.search.share else ()
        borrowed = borrow(study, [*own, *self._earlier.get(study.name, ())], self.plan.search)
        found = self._proposers[study.name].propose(study, borrowed)
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
        """A trial of a study whose search is over, again with a seed of its own."""
        for study in self.studies.values():
            for repeat in repeats_to_start(study, self.plan.search):
                trial, number = repeat.trial, len(study.trials)
                seed = stable_seed(self.plan.search.seed, study.name, repeat.purpose, number)
                return TrialAsked(
                    study=study.name,
                    number=number,
                    attempt=0,
                    params=trial.params,
                    distributions=trial.distributions,
                    config={**trial.config, "seed": seed},
                    origin=f"{repeat.purpose} of #{trial.number}",
                    purpose=repeat.purpose,
                    of=trial.number,
                )
        return None

    def _urgency(self, study: Study) -> tuple[bool, float, int]:
        has_room = len(study.running) < _most_in_flight(study)
        return has_room, study.seconds_to_start, study.to_start

    def _verdict(self, trial: Trial, row: TrialReport) -> tuple[State | Literal["running"], str]:
        if row.epoch is None or row.status == "failed":
            return "failed", row.reason
        value, epoch = row.metrics[OBJECTIVE], row.epoch
        if not math.isfinite(value):
            return "failed", f"validation RMSE is {value} at epoch {epoch}"
        if row.status == "complete":
            return "complete", row.reason
        # an epoch repeated after an interruption was judged the first time
        if epoch in self._milestones and epoch > trial.epoch and trial.purpose == "search":
            rung = self.studies[trial.study].rungs.get(epoch, ())
            if stops(value, rung, self.plan.search.reduction_factor):
                return "pruned", f"outside the best 1/{self.plan.search.reduction_factor:g} at epoch {epoch}"
        return "running", ""

    def _record(self, *events: Event) -> None:
        self._record_event(*events)
        for event in events:
            self._apply(event)
        for listener in self.listeners:
            listener(*events)

    def _apply(self, event: Event) -> None:
        self.studies[event.study].apply(event)


def _most_in_flight(study: Study) -> int:
    return max(1, study.budget // SHARE_IN_FLIGHT)
