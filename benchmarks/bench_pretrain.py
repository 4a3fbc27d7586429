"""Pretraining: molecules a second, beside what prepares them and beside training on labels.

    python benchmarks/bench_pretrain.py [--molecules 4000] [--passes 3] [--repeats 5]

Random molecules of those that the package chemicals ships, the default shape and batch. Peers: one pass of RDKit's 217
descriptors over the same molecules, which a pretraining needs once; and the training loop of `stl` on hv_from_ds, the
same D-MPNN with an encoder, a head and the moving average of its weights. All take turns in this process, on one
thread; CPU time, medians of the repeats, fastest and slowest beside them.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

import torch
from training_peers import config

from gear.command_line import Parser
from gear.config import EmbeddingConfig
from gear.data import featurize, load_pair
from gear.data.molecules.descriptors import descriptors
from gear.pretrain.molecules import known_molecules
from gear.pretrain.recipe import Recipe, Shape
from gear.pretrain.targets import targets
from gear.pretrain.training import train
from gear.training.loop import TrainingRun

MOST = 6000  # molecules; more would be described by several processes, whose CPU time is not seen here


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Print the table."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecules", type=int, default=4000, help=f"at most {MOST}")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    smiles = random.Random(0).sample(known_molecules(), min(args.molecules, MOST))
    graphs, wanted = featurize(smiles), targets([smiles], 0)
    recipe = Recipe(Shape.of(EmbeddingConfig()), passes=args.passes)
    pair = load_pair("hv_from_ds", "random")
    labelled = len(pair.target.train.rows)

    def stl() -> None:
        list(TrainingRun(config("stl", recipe.shape.width), pair, "cpu").epochs())

    works: dict[str, tuple[int, Callable[[], object]]] = {
        "pretraining": (args.passes * len(smiles), lambda: train(recipe, graphs, wanted)),
        "RDKit's descriptors": (len(smiles), lambda: descriptors(smiles)),
        "stl": (2 * labelled, stl),
    }
    speeds: dict[str, list[float]] = {name: [] for name in works}
    for _, work in works.values():
        timed(work)  # warm
    for _ in range(args.repeats):
        for name, (molecules, work) in works.items():
            speeds[name].append(molecules / timed(work))
    ours = statistics.median(speeds["pretraining"])
    print(f"{len(smiles)} molecules, {wanted.shape[1]} targets, {recipe.shape}, torch {torch.__version__}")
    print(f"{'':20} molecules/CPU s (median, min..max)   pretraining to it")
    for name, found in speeds.items():
        median = statistics.median(found)
        print(f"{name:20} {median:9.0f}  ({min(found):.0f}..{max(found):.0f}) {ours / median:20.2f}")


if __name__ == "__main__":
    main()
