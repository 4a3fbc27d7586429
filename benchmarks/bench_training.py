"""Molecules a second in training: this project, and chemprop's own training of the same D-MPNN.

    python benchmarks/bench_training.py [--device cuda] [--widths 64 128] [--repeats 5]

hv_from_ds (random split), depth 3, batch 64 (gear: 64 target and 64 source molecules, each through both branches); on a
CPU one thread. The peers are chemprop's Lightning trainer with its default data loader, which featurises every molecule
in every epoch, and with the loader's cache on. All take turns; medians of the repeats, fastest and slowest beside them.
Times of steps are means over whole rounds of `curvature.every` steps, of which one evaluates metric and curvature. On a
CPU the last table is of the configuration in the middle of the search space of `stl` and `gear`.

Same network up to the embedding, same batch. Theirs: a head with one hidden layer as wide as the embedding, Adam. Ours:
five layers (encoder and head) with a normalisation, AdamW, clipping, the weight average.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import get_args

import torch
from training_peers import Parts, Steps, chemprop, config, ours, product_sizes, products, proposed, steps

from gear.command_line import Parser
from gear.config import DropoutPlace, LossWeights, Value
from gear.data import load_pair
from gear.data.pairs import PairData
from gear.variants import with_values

STEPS = 60
WITHOUT = {
    "gear": LossWeights(),
    "without curvature": LossWeights(curv=0),
    "without metric too": LossWeights(curv=0, metric=0),
}


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):9.0f}  ({min(values):.0f}..{max(values):.0f})"


def speed_table(pair: PairData, width: int, device: str, repeats: int) -> float:
    """Print molecules a second, and return the median of `stl`."""
    runs: dict[str, Callable[[], float]] = {
        "chemprop": partial(chemprop, width, pair, device, cached=False),
        "chemprop, cached": partial(chemprop, width, pair, device, cached=True),
        "stl": partial(ours, config("stl", width), pair, device),
        "gear": partial(ours, config("gear", width), pair, device),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            found[name].append(run())
    default, cached = (statistics.median(found[name]) for name in ("chemprop", "chemprop, cached"))
    print(f"\nwidth {width}          molecules/s (median, min..max)   to chemprop   to its cached loop")
    for name, values in found.items():
        median = statistics.median(values)
        print(f"{name:18} {spread(values):>28} {median / default:15.2f} {median / cached:20.2f}")
    return statistics.median(found["stl"])


def step_table(pair: PairData, width: int, device: str) -> None:
    """Print where the time of a step goes, and what the metric and curvature terms add."""
    trials = {"stl": config("stl", width)} | {name: config("gear", width, w) for name, w in WITHOUT.items()}
    parts = {name: Parts(trial, pair, device) for name, trial in trials.items()}
    rows = {name: list(steps(part.run, STEPS)) for name, part in parts.items()}
    for index in range(STEPS):
        for name, part in parts.items():
            part.step(rows[name][index], index)
    print(f"\nwidth {width}, ms a step" + "".join(f"{name:>20}" for name in parts))
    for name in parts["stl"].times:
        print(f"{name:30}" + "".join(f"{part.mean(name):20.2f}" for part in parts.values()))
    whole, bent, flat = (parts[name].mean("step") for name in WITHOUT)
    print(f"of gear's step: metric {(bent - flat) / whole:.0%}, curvature {(whole - bent) / whole:.0%}")


def proposals_table(pair: PairData) -> None:
    """Print the processor time of a step in the middle of the search space, without dropout and with it by place."""
    middles = {method: proposed(method) for method in ("stl", "gear")}
    changes: dict[str, dict[str, Value]] = {
        "no dropout": {"embedding.dropout": 0.0},
        **{
            f"0.15 {place}": {"embedding.dropout": 0.15, "embedding.dropout_place": place}
            for place in get_args(DropoutPlace)
        },
        "attentive": {"embedding.dropout": 0.0, "embedding.aggregation": "attentive"},
        "joined": {"embedding.dropout": 0.0, "embedding.kind": "dmpnn+descriptors"},
    }
    found = {
        (method, name): Steps(with_values(trial, change), pair)
        for method, trial in middles.items()
        for name, change in changes.items()
    }
    for index in range(STEPS):
        for one in found.values():
            one.step(index)
    print("\nmiddle of the search space, ms of processor time a step" + "".join(f"{name:>16}" for name in changes))
    for method in middles:
        print(f"{method:55}" + "".join(f"{found[method, name].mean():16.2f}" for name in changes))


def floor_table(pair: PairData, width: int, device: str, stl: float) -> None:
    """Print how fast the bare matrix products of `stl` are."""
    runs = {
        "as computed here": products(product_sizes(config("stl", width), pair, merged=True), device),
        "a row for every bond and atom": products(product_sizes(config("stl", width), pair, merged=False), device),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(STEPS):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            found[name].append(time.perf_counter() - started)
    print(f"\nwidth {width}: forward and backward of nothing but the matrix products of an stl step")
    for name, times in found.items():
        fastest = 64 / statistics.median(times)
        print(f"{name:30} {1e3 * statistics.median(times):7.2f} ms {fastest:9.0f} molecules/s; stl {stl / fastest:.2f}")


def main() -> None:
    """Print the tables."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    card = torch.cuda.get_device_name() if args.device == "cuda" else "CPU, one thread"
    print(f"{card}, torch {torch.__version__}")
    pair = load_pair("hv_from_ds", "random")
    for width in args.widths:
        stl = speed_table(pair, width, args.device, args.repeats)
        step_table(pair, width, args.device)
        floor_table(pair, width, args.device, stl)
    if args.device == "cpu":
        proposals_table(pair)


if __name__ == "__main__":
    main()
