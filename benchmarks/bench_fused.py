"""What it brings to train models as one: a step before and now, validation folds, and arrays against more processes.

    python benchmarks/bench_fused.py [--older DIR] [--device cuda] [--methods stl gear] [--widths 64 128]
                                     [--folds 3 5] [--labels 60 all] [--every 4] [--repeats 9]
    python benchmarks/bench_fused.py --arrays 1 4 8 16 [--processes 1 4 8 16] [--mps] [--device cuda] [--widths 128]
                                     [--budget 600] [--seconds 2] [--repeats 3]

Every way has a process of its own with one thread. They take turns, an epoch each, and the median of the processor time
of an epoch is compared (of the wall clock on a GPU). `--older` is another checkout of this project, such as
`git worktree add /tmp/older COMMIT` makes; without it only this one is measured. hv_from_ds, random split, depth 3,
batch 64, the source not trained first. Epochs of the folds are validated, those of the step have almost no validation.

The second form measures molecules a second of all models together: P processes on one device, each with an array of K
models that differ in seed and learning rate, for every K of `--arrays` and P of `--processes`, with validation. All P
train at the same time for `--seconds`, `--repeats` times; medians, and their ratio to one process with one model. With
`--mps` also with NVIDIA's multi-process service, which is started with files of its own and stopped again. Everything
ends within `--budget` seconds: what does not fit is named and left out, the largest first.
"""

import argparse
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from packing import Array
from packing import compare as compare_arrays

from gear.command_line import Parser, at_least

HERE = Path(__file__).resolve().parents[1]
BATCH, STEPS = 64, 25  # of a step; least number of steps of an epoch
MOST_FOLDS = {"all": 4}


class Task(NamedTuple):
    """What a process trains."""

    method: str
    width: int
    labels: str  # a number or `all`
    folds: int  # 0: a single training, of which only the steps are measured
    fused: bool
    device: str
    every: int  # steps from one evaluation of metric and curvature to the next


class Worker:
    """A process that trains an epoch whenever it is asked, with the code of a checkout."""

    def __init__(self, task: Task, checkout: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--worker", json.dumps(task)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=checkout
        )
        self.times: list[float] = []
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise SystemExit("a process ended before its time: see above")
        return line

    def epoch(self) -> None:
        """Train one, and note how long it took."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.times.append(float(self._answer()))

    def median(self) -> float:
        """Milliseconds of an epoch; ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        return 1e3 * statistics.median(self.times[1:])


def work(task: Task) -> None:
    """Train an epoch for every line of the input, and print the seconds that it took."""
    from gear.config import CurvatureConfig, EmbeddingConfig, LossWeights, TrainingConfig, TrialConfig
    from gear.data import load_pair
    from gear.device import claim
    from gear.training.folds import FoldedRun
    from gear.training.loop import TrainingRun

    claim(threads=1)
    training = TrainingConfig(epochs=10_000, epoch_steps=STEPS, batch_size=BATCH, patience=0, warm_start=False)
    config = TrialConfig(  # defaults are spelt out, for those of the other checkout may differ
        method=task.method,
        embedding=EmbeddingConfig(width=task.width, depth=3),
        curvature=CurvatureConfig(every=task.every),
        weights=LossWeights(auto=0.3, cons=0.1, map=1.0, metric=0.03, curv=1.0),
        training=training,
    )
    split = "random" if task.labels == "all" else f"random-n{task.labels}"
    pairs = [load_pair("hv_from_ds", split, fold=fold) for fold in range(max(task.folds, 1))]
    if task.folds:
        run = FoldedRun(config, pairs, task.device, **({} if task.fused else {"fuse": False}))
    else:
        few = [
            dataclasses.replace(one, validation=first(one.validation)) for one in (pairs[0].target, *pairs[0].sources)
        ]
        run = TrainingRun(config, dataclasses.replace(pairs[0], target=few[0], sources=tuple(few[1:])), task.device)
    clock = time.perf_counter if task.device == "cuda" else time.process_time
    epochs = run.epochs()
    next(epochs)
    print("ready", flush=True)
    for _ in sys.stdin:
        started = clock()
        next(epochs)
        print(clock() - started, flush=True)


def first(part, count=8):
    """The first few molecules of a part."""
    names = [field.name for field in dataclasses.fields(part)]
    return dataclasses.replace(part, **{name: getattr(part, name)[:count] for name in names})


def compare(title: str, ways: dict[str, tuple[Task, Path]], repeats: int) -> None:
    """Print the time of an epoch each way, and its ratio to the first."""
    workers = {name: Worker(*way) for name, way in ways.items()}
    for _ in range(repeats + 1):
        for worker in workers.values():
            worker.epoch()
    medians = {name: worker.median() for name, worker in workers.items()}
    base = next(iter(medians.values()))
    shown = "   ".join(f"{name} {time:8.1f} ms ({base / time:4.2f})" for name, time in medians.items())
    print(f"{title:44} {shown}", flush=True)


def main() -> None:
    """Print the ratios."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--older", type=Path, metavar="DIR")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--methods", nargs="+", default=["stl", "gear"])
    parser.add_argument("--widths", type=int, nargs="+", help="default: 64 128, with --arrays 128")
    parser.add_argument("--folds", type=int, nargs="*", default=[3, 5])
    parser.add_argument("--labels", nargs="+", default=["60", "all"])
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--repeats", type=at_least(1), help="default: 9, with --arrays 3")
    parser.add_argument("--arrays", type=at_least(1), nargs="+", metavar="K", help="models of a process")
    parser.add_argument("--processes", type=at_least(1), nargs="+", default=[1], metavar="P")
    parser.add_argument("--mps", action="store_true", help="several processes also with NVIDIA's multi-process service")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds of everything (default: 600)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a measurement (default: 2)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(Task(*json.loads(args.worker)))
    return arrays(args) if args.arrays else folds(args)


def arrays(args: argparse.Namespace) -> None:
    """Print how fast processes with arrays are."""
    compare_arrays(
        [
            Array(method, width, members, "hv_from_ds", "random", args.device)
            for members in sorted({1, *args.arrays})
            for width in args.widths or [128]
            for method in args.methods
        ],
        sorted({1, *args.processes}),
        args.budget,
        args.seconds,
        args.repeats or 3,
        with_mps=args.mps,
    )


def folds(args: argparse.Namespace) -> None:
    """Print how long steps and epochs of folds take."""
    older = None if args.older is None else args.older.resolve()
    repeats = args.repeats or 9
    for method, width in itertools.product(args.methods, args.widths or [64, 128]):
        for labels in args.labels:
            task = Task(method, width, labels, 0, fused=True, device=args.device, every=args.every)
            ways = {} if older is None else {"before": (task, older)}
            compare(f"{method} width {width}, {labels} labels, steps", ways | {"now": (task, HERE)}, repeats)
            for folds in sorted({min(folds, MOST_FOLDS.get(labels, folds)) for folds in args.folds}):
                fused = task._replace(folds=folds)
                ways = {} if older is None else {"before": (fused, older)}
                ways |= {"separate": (fused._replace(fused=False), HERE), "fused": (fused, HERE)}
                compare(f"{method} width {width}, {labels} labels, {folds} folds", ways, repeats)


if __name__ == "__main__":
    main()
