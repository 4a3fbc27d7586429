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
from search.simulation.surrogate import Nearest

__all__ = ["Point", "Policy", "Simulation", "Traces", "best_after", "compare", "policies", "simulated", "to_reach"]


class Simulation:
    """Drives a campaign as Tune would: `slots` workers take turns, an epoch of their trials each.

    Args:
        campaign: to drive.
        rows: gives the reports of a job's trial, one by one.
        slots: number of workers.
    """

    def __init__(self, campaign: Campaign, rows: Callable[[Job], Iterator[TrialReport]], slots: int = 1) -> None:
        self.campaign = campaign
        self.slots = slots
        self.running: dict[str, dict[int, Iterator[TrialReport]]] = {}  # by ticket and place
        self._rows = rows
        self._tickets = 0

    def run(self, turns: float = math.inf) -> Self:
        """Run until the campaign is done, or for a number of turns."""
        while turns > 0:
            self.fill()
            if not self.running:
                break
            self.turn(next(iter(self.running)))
            turns -= 1
        return self

    def fill(self) -> None:
        """Start trials until all slots are in use or nothing is left to start."""
        while len(self.running) < self.slots:
            self._tickets += 1
            jobs = self.campaign.next_jobs(f"t{self._tickets}", self.slots)
            if not jobs:
                break
            self.running[f"t{self._tickets}"] = {place: self._rows(job) for place, job in enumerate(jobs)}

    def turn(self, ticket: str) -> None:
        """Let every trial of a worker report one epoch."""
        trials = self.running.pop(ticket).items()
        going = {place: rows for place, rows in trials if not self.campaign.report(ticket, next(rows), place)}
        if going:
            self.running[ticket] = going


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to search.

    Attributes:
        sampler: by name or import path.
        pruner: the same.
        transfer_starts: whether studies take over starts.
        fuse: how many trials a worker trains as one array, see `search.plan.settings`.
    """

    sampler: str
    pruner: str = "none"
    transfer_starts: bool = False
    fuse: str = "off"

    @property
    def name(self) -> str:
        """In words."""
        pruner = "" if self.pruner == "none" else f" + {self.pruner}"
        arrays = "" if self.fuse == "off" else f" + arrays of {self.fuse}"
        return self.sampler + pruner + " + transferred starts" * self.transfer_starts + arrays

    def plan(self, recorded: CampaignPlan, trials: int, grace_epochs: int, seed: int) -> CampaignPlan:
        """The plan of the recorded campaign, searched by this policy."""
        search = dataclasses.replace(
            recorded.search,
            sampler=self.sampler,
            pruner=self.pruner,
            transfer_starts=self.transfer_starts,
            fuse=self.fuse,
            trials=trials,
            grace_steps=grace_epochs * recorded.config.training.epoch_steps,
            finalists=0,  # only the search: nothing is trained again
            final="best",
            final_labels="train",
            seed=seed,
        )
        return dataclasses.replace(recorded, search=search)


def policies(sampler: str, pruners: Sequence[str] = ("halving",), *, transfer_starts: bool = True) -> list[Policy]:
    """Random search, the sampler, the sampler with each pruner, and with the first pruner and transferred starts."""
    stopped = [Policy(sampler, pruner) for pruner in pruners]
    found = [
        Policy("random"),
        Policy(sampler),
        *stopped,
        dataclasses.replace(stopped[0], transfer_starts=transfer_starts),
    ]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Point:
    """A study after some trials: epochs spent, and the value of its best complete trial, infinite without one."""

    trials: int
    epochs: int
    best: float


Traces = Mapping[str, Sequence[Sequence[Point]]]  # by study, a trace for each seed


def compare(
    surrogate: Nearest,
    ways: Sequence[Policy],
    trials: int,
    seeds: int,
    grace_epochs: int,
    slots: int = 4,
    jobs: int = 1,
) -> dict[Policy, Traces]:
    """Search recorded curves by each policy, once for each seed.

    Args:
        surrogate: of the recorded campaign.
        ways: policies to compare.
        trials: of a study.
        seeds: number of campaigns of each policy, with seeds from 0.
        grace_epochs: the first at which a pruner may stop a trial.
        slots: trials at once.
        jobs: processes; -1 for one on each core.
    """
    plan = surrogate.plan
    runs = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(simulated)(policy.plan(plan, trials, grace_epochs, seed), surrogate, slots)
        for policy in ways
        for seed in range(seeds)
    )
    return {
        policy: {study.name: [run[study.name] for run in runs[first : first + seeds]] for study in plan.studies}
        for policy, first in zip(ways, itertools.count(0, seeds), strict=False)
    }


def simulated(plan: CampaignPlan, surrogate: Nearest, slots: int, turns: float = math.inf) -> dict[str, list[Point]]:
    """The traces of a campaign that is run on recorded curves, to its end or for a number of epochs."""
    events: list[Event] = []
    Simulation(Campaign(plan, lambda *new: events.extend(new)), surrogate, slots).run(turns)
    return _traces(events)


def _traces(events: Sequence[Event]) -> dict[str, list[Point]]:
    """The points of each study, one for each trial that ended."""
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
    """Trials or epochs until a value is reached, infinite if it is not."""
    return next((getattr(point, unit) for point in trace if point.best <= value), math.inf)
