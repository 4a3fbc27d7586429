"""What it brings to train models as one: a step before and now, and validation folds fused and one after the other.

    python benchmarks/bench_fused.py [--older DIR] [--device cuda] [--methods stl gear] [--widths 64 128]
                                     [--folds 3 5] [--labels 60 all] [--every 4] [--repeats 9]

Every way has a process of its own with one thread. They take turns, an epoch each, and the median of the processor time
of an epoch is compared (of the wall clock on a GPU). `--older` is another checkout of this project, such as
`git worktree add /tmp/older COMMIT` makes; without it only this one is measured. hv_from_ds, random split, depth 3,
batch 64, the source not trained first. Epochs of the folds are validated, those of the step have almost no validation.
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

from gear.command_line import Parser

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
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--folds", type=int, nargs="*", default=[3, 5])
    parser.add_argument("--labels", nargs="+", default=["60", "all"])
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(Task(*json.loads(args.worker)))
    older = None if args.older is None else args.older.resolve()
    for method, width in itertools.product(args.methods, args.widths):
        for labels in args.labels:
            task = Task(method, width, labels, 0, fused=True, device=args.device, every=args.every)
            ways = {} if older is None else {"before": (task, older)}
            compare(f"{method} width {width}, {labels} labels, steps", ways | {"now": (task, HERE)}, args.repeats)
            for folds in sorted({min(folds, MOST_FOLDS.get(labels, folds)) for folds in args.folds}):
                fused = task._replace(folds=folds)
                ways = {} if older is None else {"before": (fused, older)}
                ways |= {"separate": (fused._replace(fused=False), HERE), "fused": (fused, HERE)}
                compare(f"{method} width {width}, {labels} labels, {folds} folds", ways, args.repeats)
    return None


if __name__ == "__main__":
    main()
