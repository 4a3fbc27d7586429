"""Trials and epochs that ways to search need to find what random search finds, on recorded learning curves.

    python benchmarks/bench_policies.py [CURVES] [--trials 100] [--seeds 10] [--surrogates smooth nearest]

The curves that came with the program, or a file or campaign folder of yours, see `python -m search.cli.simulator`; what
a configuration does that was not recorded says a surrogate, see `search.simulation.surrogate`. Of each study the goal
is the median over seeds of random search's best after `--trials` trials. Median over seeds and studies, the quartiles
beside it, `-` where the goal was not reached within `--trials`; the ratio is that of the median to what random search
was given.
"""

import argparse
import dataclasses
import math
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence

from gear.command_line import Parser
from search.campaign.pruning import PRUNERS
from search.campaign.samplers import SAMPLERS
from search.simulation import DEFAULT_CURVES, SURROGATES, SurrogateName
from search.simulation.recorded_curves import Curves, read_curves
from search.simulation.simulator import Policy, Traces, best_after, compare, policies, to_reach
from search.simulation.surrogate import make_surrogate

UNITS = ("trials", "epochs")


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Lower one, median, upper one; of infinite values too, so none is a mean."""
    ordered = sorted(values)
    low, middle, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75))
    return low, middle, high


def shown(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else "-"


def needed(traces: Traces, goals: Mapping[str, float], unit: str, studies: Sequence[str]) -> list[float]:
    """Of every study and seed."""
    return [to_reach(trace, unit, goals[study]) for study in studies for trace in traces[study]]


def table(found: Mapping[Policy, Traces], goals: Mapping[str, float], studies: Sequence[str], whole: tuple) -> None:
    for policy, traces in found.items():
        cells = []
        for unit, most in zip(UNITS, whole, strict=True):
            low, middle, high = quartiles(needed(traces, goals, unit, studies))
            cells.append(f"{shown(middle):>6} ({shown(low)}..{shown(high)})".ljust(20) + f"{middle / most:6.2f}")
        reached = statistics.mean(map(math.isfinite, needed(traces, goals, "trials", studies)))
        print(f"{policy.name:40} {cells[0]} {cells[1]} {reached:8.0%}")


def report(curves: Curves, surrogate: SurrogateName, args: argparse.Namespace) -> None:
    start, ways = time.perf_counter(), policies(args.sampler, args.pruners)
    found = compare(make_surrogate(surrogate, curves), ways, args.trials, args.seeds, args.grace_epochs, jobs=-1)
    simulated = len(ways) * args.seeds * len(curves.plan.studies) * args.trials
    print(f"\n{surrogate}: {simulated} trials simulated in {time.perf_counter() - start:.0f} s")
    goals = {study: best_after(traces, "trials", args.trials) for study, traces in found[Policy("random")].items()}
    names = [study.name for study in curves.plan.studies]
    groups = {"all studies": names} | ({name: [name] for name in names} if args.each else {})
    for title, studies in groups.items():
        print(f"{title:40} trials              ratio epochs              ratio  reached")
        table(found, goals, studies, (args.trials, args.trials * curves.plan.epochs))


def main() -> None:
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("curves", nargs="?", default=DEFAULT_CURVES, help="default: those that came with the program")
    parser.add_argument("--trials", type=int, default=100, help="a study (default: 100)")
    parser.add_argument("--seeds", type=int, default=10, help="of each way to search (default: 10)")
    parser.add_argument("--surrogates", nargs="+", choices=SURROGATES, default=SURROGATES, help="default: all")
    parser.add_argument(
        "--sampler", default="tpe", metavar="NAME", help=f"{', '.join(SAMPLERS)}, or my_module:MySampler (default: tpe)"
    )
    parser.add_argument(
        "--pruners",
        nargs="+",
        default=["halving"],
        metavar="NAME",
        help=f"{', '.join(PRUNERS)}, or my_module:my_pruner",
    )
    parser.add_argument("--startup-trials", type=int, help="before the sampler learns (default: as recorded)")
    parser.add_argument("--grace-epochs", type=int, default=4, help="epochs before early stopping (default: 4)")
    parser.add_argument("--each", action="store_true", help="print each study too")
    args = parser.parse_args()
    curves = read_curves(args.curves)
    if args.startup_trials is not None:
        search = dataclasses.replace(curves.plan.search, startup_trials=args.startup_trials)
        curves = dataclasses.replace(curves, plan=dataclasses.replace(curves.plan, search=search))
    print(f"{len(curves.trials)} recorded trials of {len(curves.plan.studies)} studies")
    for surrogate in args.surrogates:
        report(curves, surrogate, args)


if __name__ == "__main__":
    main()
