"""Policies of search compared on recorded learning curves, without Ray and without training.

python -m search.simulator [--sampler gp] [--trials 50] [--seeds 5]
python -m search.simulator campaigns/NAME
python -m search.simulator campaigns/NAME --export curves.jsonl.gz
python -m search.simulator curves.jsonl.gz
"""

import argparse
import dataclasses
import itertools
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import joblib
from rich.table import Table

from gear.errors import user_command
from search.campaign import Campaign, Job
from search.curves import SHIPPED, read_curves, write_curves
from search.events import EpochReported, Event, TrialEnded
from search.plan import SAMPLERS, CampaignPlan, SamplerName
from search.row import Row
from search.surrogate import SURROGATES, Nearest, make_surrogate
from search.table import make_console

__all__ = ["Point", "Policy", "Simulation", "Traces", "best_after", "compare", "main", "policies", "to_reach"]


class Simulation:
    """Drives a campaign as Tune would, with `slots` trials taking turns epoch by epoch.

    Args:
        campaign: decides.
        rows: what the trial of a job reports, row by row.
        slots: trials at once.
    """

    def __init__(self, campaign: Campaign, rows: Callable[[Job], Iterator[Row]], slots: int = 1) -> None:
        self.campaign = campaign
        self.slots = slots
        self.running: dict[str, Iterator[Row]] = {}
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


def _median_to_reach(traces: Sequence[Sequence[Point]], unit: str, value: float) -> float:
    return statistics.median(to_reach(trace, unit, value) for trace in traces)


def _table(study: str, found: Mapping[Policy, Traces], trials: int, epochs: int) -> Table:
    parts = sorted({max(1, trials // 4), max(1, trials // 2), trials})
    table = Table(title=f"{study}: best validation RMSE", title_justify="left")
    table.add_column("policy")
    for unit, size in (("trials", 1), ("epochs", epochs)):
        for part in parts:
            table.add_column(f"{part * size} {unit}", justify="right")
    goal = best_after(found[Policy("random")][study], "trials", trials)
    for unit in ("trials", "epochs"):
        table.add_column(f"{unit} to {goal:.4f}", justify="right")
    for policy, traces in found.items():
        own = traces[study]
        best = [
            best_after(own, unit, part * size) for unit, size in (("trials", 1), ("epochs", epochs)) for part in parts
        ]
        needed = [_median_to_reach(own, unit, goal) for unit in ("trials", "epochs")]
        table.add_row(policy.name, *(_shown(value, ".4f") for value in best), *(_shown(value, "g") for value in needed))
    return table


def _shown(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def _summary(found: Mapping[Policy, Traces], trials: int) -> list[str]:
    """A line a policy: what it needs to reach random search's median best, over all studies."""
    lines = []
    for policy, traces in found.items():
        needed = []
        for study, own in traces.items():
            goal = best_after(found[Policy("random")][study], "trials", trials)
            needed.append([_median_to_reach(own, unit, goal) for unit in ("trials", "epochs")])
        of_trials, of_epochs = (_shown(statistics.median(column), "g") for column in zip(*needed, strict=True))
        lines.append(f"  {policy.name}: {of_trials} trials, {of_epochs} epochs")
    return lines


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m search.simulator", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "curves",
        nargs="?",
        default=SHIPPED,
        help="a campaign folder, or a file made by --export (default: curves that came with this program)",
    )
    parser.add_argument("--sampler", choices=SAMPLERS, default="tpe", help="to compare with random search")
    parser.add_argument(
        "--surrogate", choices=SURROGATES, default="smooth", help="what goes for a configuration that was not recorded"
    )
    parser.add_argument("--trials", type=int, metavar="N", help="a study (default: as recorded)")
    parser.add_argument("--seeds", type=int, default=5, metavar="K", help="medians are over these")
    parser.add_argument("--slots", type=int, default=4, metavar="N", help="trials at once")
    parser.add_argument(
        "--grace-period", type=int, metavar="N", help="default: as recorded, at most a fifth of the epochs"
    )
    parser.add_argument("--no-early-stopping", action="store_false", dest="early_stopping")
    parser.add_argument("--no-share", action="store_false", dest="share")
    parser.add_argument("--export", type=Path, metavar="FILE.jsonl.gz", help="write the curves there and end")
    parser.add_argument("--jobs", type=int, default=-1, metavar="N", help="processes (default: one a core)")
    return parser


@user_command
def main() -> int:
    """Compare policies, or export curves."""
    args, console = make_parser().parse_args(), make_console()
    curves = read_curves(args.curves)
    if args.export is not None:
        write_curves(curves, args.export)
        console.print(f"{len(curves.trials)} curves in {args.export}", soft_wrap=True)
        return 0
    plan = curves.plan
    trials = args.trials or plan.search.trials
    first_rung = -(-plan.search.grace_steps // plan.config.training.epoch_steps)
    grace = args.grace_period or max(1, min(first_rung, plan.epochs // 5))
    ways = policies(args.sampler, early_stopping=args.early_stopping, share=args.share)
    found = compare(make_surrogate(args.surrogate, curves), ways, trials, args.seeds, grace, args.slots, args.jobs)
    for study in plan.studies:
        console.print(_table(study.name, found, trials, plan.epochs))
    console.print(
        f"to random search's best of {trials}, medians of {args.seeds} seeds and {len(plan.studies)} studies:"
    )
    for line in _summary(found, trials):
        console.print(line, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
