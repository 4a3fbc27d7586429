"""Policies of search compared on recorded learning curves, without Ray and without training.

python -m search.cli.simulator [--sampler gp] [--trials 50] [--seeds 5]
python -m search.cli.simulator campaigns/NAME
python -m search.cli.simulator campaigns/NAME --export curves.jsonl.gz
python -m search.cli.simulator curves.jsonl.gz
"""

import argparse
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from gear.errors import user_command
from search.cli.console import make_console
from search.plan.settings import SAMPLERS
from search.simulation.recorded_curves import SHIPPED, read_curves, write_curves
from search.simulation.simulator import Point, Policy, Traces, best_after, compare, policies, to_reach
from search.simulation.surrogate import SURROGATES, make_surrogate

__all__ = ["main"]


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
    parser = argparse.ArgumentParser(
        prog="python -m search.cli.simulator", description=(__doc__ or "").partition("\n")[0]
    )
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
