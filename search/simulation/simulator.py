"""Policies of search compared on recorded learning curves, without Ray and without training."""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import joblib

from search.campaign.campaign import Campaign, Job
from search.campaign.events import EpochReported, Event, TrialEnded
from search.campaign.trial_report import TrialReport
from search.plan.campaign_plan import CampaignPlan
from search.plan.settings import SamplerName
from search.simulation.surrogate import Nearest

__all__ = ["Point", "Policy", "Simulation", "Traces", "best_after", "compare", "policies", "to_reach"]


class Simulation:
    """Drives a campaign as Tune would, with `slots` trials taking turns epoch by epoch.

    Args:
        campaign: decides.
        rows: what the trial of a job reports, row by row.
        slots: trials at once.
    """

    def __init__(self, campaign: Campaign, rows: Callable[[Job], Iterator[TrialReport]], slots: int = 1) -> None:
        self.campaign = campaign
        self.slots = slots
        self.running: dict[str, Iterator[TrialReport]] = {}
        self._rows = rows
        self._tickets = 0

    def run(self, turns: float = math.inf) -> Self:
        """Until nothing is left to do, or for a number of turns."""
        while turns > 0:
            self.fill()
            if not self.running:
                break
            self.turn(next(iter(self.running)))
            turns -= 1
        return self

    def fill(self) -> None:
        """Start trials until the slots are full or nothing is to be started."""
        while len(self.running) < self.slots:
            self._tickets += 1
            job = self.campaign.next_job(f"t{self._tickets}")
            if job is None:
                break
            self.running[f"t{self._tickets}"] = self._rows(job)

    def turn(self, ticket: str) -> None:
        """Let a running trial report once."""
        rows = self.running.pop(ticket)
        if not self.campaign.report(ticket, next(rows)):
            self.running[ticket] = rows


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to search."""

    sampler: SamplerName
    early_stopping: bool = False
    share: bool = False

    @property
    def name(self) -> str:
        """In words."""
        return self.sampler + " + early stopping" * self.early_stopping + " + shared starts" * self.share

    def plan(self, recorded: CampaignPlan, trials: int, grace_period: int, seed: int) -> CampaignPlan:
        """The recorded campaign searched in this way."""
        search = dataclasses.replace(
            recorded.search,
            sampler=self.sampler,
            share=self.share,
            trials=trials,
            grace_steps=(grace_period if self.early_stopping else recorded.epochs)
            * recorded.config.training.epoch_steps,
            finalists=0,  # the search alone: nothing is trained again
            final="best",
            seed=seed,
        )
        return dataclasses.replace(recorded, search=search)


def policies(sampler: SamplerName, *, early_stopping: bool = True, share: bool = True) -> list[Policy]:
    """Random search, then the sampler with one thing more at a time."""
    found = [Policy("random"), Policy(sampler), Policy(sampler, early_stopping), Policy(sampler, early_stopping, share)]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Point:
    """Of a study after some trials: epochs spent, and its best complete trial's value, infinite without one."""

    trials: int
    epochs: int
    best: float


Traces = Mapping[str, Sequence[Sequence[Point]]]  # by study, one trace a seed


def compare(
    surrogate: Nearest,
    ways: Sequence[Policy],
    trials: int,
    seeds: int,
    grace_period: int,
    slots: int = 4,
    jobs: int = 1,
) -> dict[Policy, Traces]:
    """How each policy's studies go on recorded curves, once a seed.

    Args:
        surrogate: of the recorded campaign.
        ways: to search.
        trials: a study.
        seeds: how often, with seeds from 0.
        grace_period: epochs, of the policies that stop early.
        slots: trials at once.
        jobs: processes; -1 for one a core.
    """
    plan = surrogate.plan
    runs = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_simulated)(policy.plan(plan, trials, grace_period, seed), surrogate, slots)
        for policy in ways
        for seed in range(seeds)
    )
    return {
        policy: {study.name: [run[study.name] for run in runs[first : first + seeds]] for study in plan.studies}
        for policy, first in zip(ways, itertools.count(0, seeds), strict=False)
    }


def _simulated(plan: CampaignPlan, surrogate: Nearest, slots: int) -> dict[str, list[Point]]:
    """A campaign run on recorded curves."""
    events: list[Event] = []
    Simulation(Campaign(plan, lambda *new: events.extend(new)), surrogate, slots).run()
    return _traces(events)


def _traces(events: Sequence[Event]) -> dict[str, list[Point]]:
    """The points of each study, one a trial that ended."""
    traces: dict[str, list[Point]] = {}
    epochs: dict[str, int] = {}
    for event in events:
        if isinstance(event, EpochReported):
            epochs[event.study] = epochs.get(event.study, 0) + 1
        if isinstance(event, TrialEnded):
            trace = traces.setdefault(event.study, [])
            best = trace[-1].best if trace else math.inf
            if event.state == "complete" and event.value is not None:
                best = min(best, event.value)
            trace.append(Point(len(trace) + 1, epochs.get(event.study, 0), best))
    return traces


def best_after(traces: Sequence[Sequence[Point]], unit: str, amount: float) -> float:
    """Median over seeds of the best value within a number of trials or epochs."""
    return statistics.median(
        min((point.best for point in trace if getattr(point, unit) <= amount), default=math.inf) for trace in traces
    )


def to_reach(trace: Sequence[Point], unit: str, value: float) -> float:
    """Trials or epochs until a value is reached, infinite where it is not."""
    return next((getattr(point, unit) for point in trace if point.best <= value), math.inf)
