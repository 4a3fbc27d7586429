"""What early stopping costs in accuracy and saves in training, by the number of labels, on recorded learning curves.

    python benchmarks/bench_early_stopping.py [CURVES ...] [--trials 5] [--orders 100] [--grace-epochs 4 8]

Each study's recorded trials are searched in many random orders, once by each pruner. *Equal steps*: the lowest final
validation error found within the optimiser steps of `--trials` whole trials, relative to that without early stopping;
above 0 % early stopping harms, below it pays. *Equal trials*: the same after `--trials` trials, which early stopping
can only make worse, and the share of the steps that they took. Mean over studies, with the standard error of the
studies' means where there are several, else of the orders. The curves must have been kept to their end, as the preset
`curves` does.
"""

import argparse
import dataclasses
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

import joblib

from gear.command_line import Parser
from gear.data import parse_split
from search.campaign.pruning import PRUNERS
from search.simulation import SHIPPED
from search.simulation.recorded_curves import Curves, read_curves
from search.simulation.simulator import Point, Policy, best_after, simulated
from search.simulation.surrogate import Reordered

Key = tuple[str, int]  # pruner, grace epochs
Row = tuple[float, float, float]  # per cent: error at equal steps, error at equal trials, steps at equal trials
WHOLE: Key = ("none", 1)


def studies_of(curves: Curves) -> list[Curves]:
    """Each study apart, without the trials that failed."""
    plan = curves.plan
    apart = []
    for study in plan.studies:
        own = dataclasses.replace(plan, pairs=(study.pair,), splits=(study.split,), methods=(study.method,))
        apart.append(Curves(own, [c for c in curves.trials if c.study == study.name and c.state == "complete"]))
    return apart


def searched(study: Curves, keys: Sequence[Key], trials: int, order: int) -> dict[Key, Row]:
    """A study's trials in one order, searched by each pruner for as many epochs as `trials` whole trials have."""
    surrogate, budget = Reordered(study, order), trials * study.plan.epochs
    found: dict[Key, Sequence[Point]] = {}
    for pruner, grace in keys:
        plan = Policy("random", pruner).plan(study.plan, len(study.trials), grace, seed=0)
        (found[pruner, grace],) = simulated(plan, surrogate, slots=1, turns=budget).values()
    best = found[WHOLE][trials - 1].best
    return {
        key: (
            100 * (best_after([trace], "epochs", budget) / best - 1),
            100 * (best_after([trace], "trials", trials) / best - 1),
            100 * trace[trials - 1].epochs / budget,
        )
        for key, trace in found.items()
    }


def measured(study: Curves, keys: Sequence[Key], args: argparse.Namespace) -> dict[Key, list[Row]]:
    """The rows of each pruner, one for each order."""
    found = joblib.Parallel(n_jobs=args.jobs)(
        joblib.delayed(searched)(study, keys, args.trials, order) for order in range(args.orders)
    )
    return {key: [rows[key] for rows in found] for key in keys}


def summary(rows: Sequence[Sequence[Row]], column: int) -> str:
    """Mean over studies with its standard error, of the rows of each."""
    means = [statistics.mean(row[column] for row in of_study) for of_study in rows]
    spread = means if len(means) > 1 else [row[column] for row in rows[0]]
    return f"{statistics.mean(means):+7.1f} +- {statistics.stdev(spread) / math.sqrt(len(spread)):4.1f}"


def print_group(title: str, studies: Sequence[Mapping[Key, list[Row]]], keys: Sequence[Key]) -> None:
    for pruner, grace in keys:
        rows = [found[pruner, grace] for found in studies]
        cells = "  ".join(summary(rows, column) for column in range(3))
        print(f"{title:24} {len(rows):7}  {pruner:8} {grace:5}  {cells}")


def main() -> None:
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("curves", nargs="*", default=list(SHIPPED), help="default: all that came with the program")
    parser.add_argument("--trials", type=int, default=5, help="whole trials that the steps suffice for (default: 5)")
    parser.add_argument("--orders", type=int, default=100, help="of a study's trials (default: 100)")
    parser.add_argument("--pruners", nargs="+", choices=PRUNERS, default=["halving", "median"])
    parser.add_argument("--grace-epochs", type=int, nargs="+", default=[4, 8], help="to compare (default: 4 8)")
    parser.add_argument("--jobs", type=int, default=-1, help="processes (default: one for each core)")
    parser.add_argument("--each", action="store_true", help="print each study too")
    args = parser.parse_args()
    keys = [WHOLE, *itertools.product(args.pruners, args.grace_epochs)]
    groups: dict[str, list[Mapping[Key, list[Row]]]] = defaultdict(list)
    for study in itertools.chain.from_iterable(studies_of(read_curves(source)) for source in args.curves):
        (one,) = study.plan.studies
        found = measured(study, keys, args)
        labels = parse_split(one.split).labels or "all"
        for title in (f"{labels} labels, {one.method}", f"{labels} labels", *([one.name] if args.each else [])):
            groups[title].append(found)
    print(f"{'':24} studies  pruner   grace  error at equal steps, %  at equal trials, %  steps at equal trials, %")
    for title, studies in groups.items():
        print_group(title, studies, keys[1:])


if __name__ == "__main__":
    main()
