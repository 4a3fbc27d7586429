"""Test RMSE of every method at its defaults, nothing tuned: three small pairs, both splits, three seeds.

    python benchmarks/bench_methods.py

A seed changes the split and the initialisation. A cell is the mean and the standard deviation over seeds of the RMSE on
the target's test part, of the epoch that is best on validation, in standard deviations of the training part. The last
columns hold every method against single-task training on the same seeds: the geometric mean of the ratio with its
standard error over pairs (the seeds of a pair share molecules), and how often the method was better. What has been run
is kept in a file and not run again.
"""

import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import joblib
import torch
from results.ratios import ratio
from tqdm import tqdm

from gear.command_line import Parser
from gear.config import TrainingConfig, TrialConfig, TrialSpec
from gear.data import load_pair, parse_pair
from gear.evaluation.evaluate import score_test_part
from gear.methods import METHODS, base_of
from gear.training.folds import single_run

PAIRS = ("dk_from_lp", "st_from_ri", "hv_from_ds")
SPLITS = ("random", "scaffold")


class Run(NamedTuple):
    """What is trained once."""

    pair: str
    split: str
    method: str
    seed: int
    epochs: int


class Outcome(NamedTuple):
    """How it ended."""

    run: Run
    rmse: float
    seconds: float

    @property
    def method(self) -> str:
        return self.run.method

    @property
    def cell(self) -> tuple[str, str, int]:
        """What its error is compared within."""
        return self.run.pair, self.run.split, self.run.seed


def trained(run: Run) -> Outcome:
    """Train a method at its defaults, in one thread, and test it."""
    torch.set_num_threads(1)
    config = base_of(run.method, TrialConfig(seed=run.seed, training=TrainingConfig(epochs=run.epochs)))
    pair = load_pair(run.pair, run.split, run.seed)
    started = time.perf_counter()
    training = single_run(config, pair, "cpu")
    list(training.epochs())
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        training.save(Path(folder) / "checkpoint")
        spec = TrialSpec(parse_pair(run.pair), run.split, run.seed, config=config)
        scores = score_test_part(Path(folder) / "checkpoint", spec, pair)
    return Outcome(run, scores.rmse, seconds)


def kept(path: Path) -> dict[Run, Outcome]:
    """Outcomes of earlier launches."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = (json.loads(line) for line in lines)
    return {Run(*run): Outcome(Run(*run), rmse, seconds) for run, rmse, seconds in found}


def table(outcomes: dict[Run, Outcome], methods: list[str], peer: str) -> Iterator[str]:
    """The lines, as Markdown."""
    cells: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for run, outcome in outcomes.items():
        cells[run.pair, run.split, run.method].append(outcome.rmse)
    columns = list(dict.fromkeys((pair, split) for pair, split, _ in cells))
    heads = [f"{pair} {split}" for pair, split in columns]
    yield "| method | " + " | ".join([*heads, f"ratio to {peer}", "better in", "seconds a run"]) + " |"
    yield "|--" * (len(columns) + 4) + "|"
    for method in methods:
        shown = [_spread(cells[pair, split, method]) for pair, split in columns]
        found = ratio(outcomes.values(), method, peer, lambda outcome: outcome.rmse)
        seconds = statistics.median(o.seconds for run, o in outcomes.items() if run.method == method)
        last = [f"{found.mean:.3f} ± {found.error:.3f}", f"{found.lower} of {found.cells}", f"{seconds:.1f}"]
        yield f"| `{method}` | " + " | ".join([*shown, *last]) + " |"


def _spread(values: list[float]) -> str:
    sd = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{sd}"


def main() -> None:
    """Train what is missing and print the table."""
    parser = Parser(description=main.__doc__)
    parser.add_argument("--pairs", nargs="+", default=PAIRS)
    parser.add_argument("--splits", nargs="+", default=SPLITS)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--peer", default="stl", help="the method that others are held against")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--keep", type=Path, default=Path("methods.jsonl"), metavar="FILE")
    args = parser.parse_args()
    if args.peer not in args.methods:
        parser.error(f"--peer {args.peer} is not among the --methods")
    runs = [
        Run(pair, split, method, seed, args.epochs)
        for seed, pair, split, method in itertools.product(range(args.seeds), args.pairs, args.splits, args.methods)
    ]
    outcomes = kept(args.keep)
    missing = [run for run in runs if run not in outcomes]
    for pair, split, seed in {(run.pair, run.split, run.seed) for run in missing}:
        load_pair(pair, split, seed)  # packs are built before several processes ask for them
    parallel = joblib.Parallel(-1, return_as="generator_unordered", batch_size=1)
    found = parallel(joblib.delayed(trained)(run) for run in missing)
    for outcome in tqdm(found, total=len(missing), unit=" runs", disable=None):
        outcomes[outcome.run] = outcome
        with args.keep.open("a") as file:
            file.write(json.dumps(outcome) + "\n")
    print("\n".join(table({run: outcomes[run] for run in runs}, list(args.methods), args.peer)))


if __name__ == "__main__":
    main()
