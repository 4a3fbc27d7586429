"""What a search finds whose workers train several trials as one array, on recorded learning curves.

    python benchmarks/bench_fused_search.py [CURVES] [--trials 40] [--fused-trials 80] [--seeds 10] [--fuse 4 8]
                                            [--slots 4] [--sampler tpe] [--pruner halving]

The first proposal of an array decides the shapes of all of its models (`search.campaign.arrays`), so a study sees fewer
shapes. Each campaign is simulated with the same seeds without arrays and with them, on the same number of workers. Of
each study: the medians over seeds of the best validation RMSE, the lower and upper quartile, and the p value of a
Mann-Whitney test that both come from one distribution. Then the geometric mean over studies of the ratio of medians
with its standard error, and how many p values lie below 0.05. The peer is the search without arrays. `--fused-trials`
gives the search with arrays more trials, as many as it trains in the same time.
"""

import argparse
import math
import statistics

from scipy.stats import mannwhitneyu

from gear.command_line import Parser
from search.simulation import DEFAULT_CURVES, SURROGATES
from search.simulation.recorded_curves import read_curves
from search.simulation.simulator import Policy, compare
from search.simulation.surrogate import make_surrogate


def shown(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.4f} ({low:.4f}..{high:.4f})"


def main() -> None:
    """Print the table of every number of trials in an array."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", nargs="?", default=DEFAULT_CURVES, help="default: those that came with the program")
    parser.add_argument("--trials", type=int, default=40, help="a study (default: 40)")
    parser.add_argument("--fused-trials", type=int, metavar="N", help="a study with arrays (default: as many)")
    parser.add_argument("--seeds", type=int, default=10, help="of each way to search (default: 10)")
    parser.add_argument("--fuse", nargs="+", default=["4", "8"], metavar="N", help="trials of an array")
    parser.add_argument("--slots", type=int, default=4, help="workers (default: 4)")
    parser.add_argument("--sampler", default="tpe", metavar="NAME")
    parser.add_argument("--pruner", default="halving", metavar="NAME")
    parser.add_argument("--surrogate", choices=SURROGATES, default="smooth")
    args = parser.parse_args()
    curves = read_curves(args.curves)
    alone, *fused = [Policy(args.sampler, args.pruner, fuse=fuse) for fuse in ("off", *args.fuse)]
    surrogate = make_surrogate(args.surrogate, curves)
    found = compare(surrogate, [alone], args.trials, args.seeds, 4, args.slots, jobs=-1)
    found |= compare(surrogate, fused, args.fused_trials or args.trials, args.seeds, 4, args.slots, jobs=-1)
    best = {
        policy: {study: [trace[-1].best for trace in traces] for study, traces in of.items()}
        for policy, of in found.items()
    }
    for policy in fused:
        trials = args.fused_trials or args.trials
        print(f"\n{policy.name}, {trials} trials a study; alone {args.trials}; {args.seeds} seeds")
        print(f"{'study':34} {'without arrays':28} {'with arrays':28} ratio      p")
        logs, chances = [], []
        for study, theirs in best[alone].items():
            ours = best[policy][study]
            logs.append(math.log(statistics.median(ours) / statistics.median(theirs)))
            chances.append(float(mannwhitneyu(ours, theirs).pvalue))
            print(f"{study:34} {shown(theirs):28} {shown(ours):28} {math.exp(logs[-1]):5.3f} {chances[-1]:6.3f}")
        error = statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.nan
        below = sum(chance < 0.05 for chance in chances)
        mean = math.exp(statistics.fmean(logs))
        print(f"geometric mean {mean:.3f} +- {error:.3f}; p < 0.05: {below} of {len(chances)}")


if __name__ == "__main__":
    main()
