"""What a trial costs beside its work: this project, and Tune with Optuna as their manuals put them together.

    python benchmarks/bench_overhead.py [--work 0.05] [--trials 200] [--peer-trials 8] [--repeats 3] [--slots 2]

Trials that sleep for `--work` seconds and report once, on a local Ray; then the same with torch and chemprop imported
by the worker before it begins, as a real trial would. The peer is `tune.Tuner` with `OptunaSearch` over the same search
space, as it comes: a process a trial. `keeping workers` is it with `reuse_actors=True`, which is off by default. All
take turns. Ours also records every step in its folder and writes a checkpoint, theirs does not.

Slot-seconds a trial beyond its work, from the end of the first trial to the end of the last one: medians of the
repeats, lowest and highest beside them. `from the start` adds what comes once, above all the first workers' start.
"""

import argparse
import functools
import importlib
import itertools
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from ray import tune
from ray.tune.search.optuna import OptunaSearch
from search_runs import SleepingRun, local_ray, plan_of, run_campaign

from gear.command_line import Parser
from gear.config import TrialConfig, TrialSpec
from search.campaign.events import Event, TrialEnded
from search.plan.settings import SearchSettings
from search.plan.space import suggest

IMPORTS = ("torch", "chemprop")
Ends = Sequence[float]  # when it started, then when each trial ended


def ours(work: float, imports: Sequence[str], trials: int, slots: int, folder: Path) -> Ends:
    ends = [time.perf_counter()]

    def listen(*events: Event) -> None:
        ends.extend(time.perf_counter() for event in events if isinstance(event, TrialEnded))

    factory = functools.partial(SleepingRun, seconds=functools.partial(constant, work), imports=imports)
    run_campaign(plan_of(folder.name, 1, SearchSettings(trials=trials)), factory, folder, slots, listen)
    return ends


def constant(value: float, _: TrialSpec) -> float:
    return value


class Ended(tune.Callback):
    """Notes when trials end."""

    def __init__(self) -> None:
        self.ends = [time.perf_counter()]

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self.ends.append(time.perf_counter())


def ask(trial: optuna.Trial) -> None:
    suggest(trial, "gear", TrialConfig())


def theirs(work: float, imports: Sequence[str], trials: int, slots: int, folder: Path, *, reuse: bool = False) -> Ends:
    def objective(config: dict[str, Any]) -> None:
        for name in imports:
            importlib.import_module(name)
        time.sleep(work)
        tune.report({"loss": config["training.learning_rate"]})

    ended = Ended()
    tune.Tuner(
        objective,
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(ask, metric="loss", mode="min", seed=0),
            num_samples=trials,
            max_concurrent_trials=slots,
            reuse_actors=reuse,
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[ended]),
    ).fit()
    return ended.ends


def overhead(ends: Ends, work: float, slots: int) -> tuple[float, float]:
    """Slot-seconds a trial beyond its work, from the first end and from the start."""
    start, first, last, trials = ends[0], ends[1], ends[-1], len(ends) - 1
    return slots * (last - first) / (trials - 1) - work, slots * (last - start) / trials - work


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f}..{max(values):.3f})"


def table(args: argparse.Namespace, imports: Sequence[str]) -> None:
    runs: dict[str, tuple[Callable[..., Ends], int]] = {
        "ours": (ours, args.trials),
        "tune.Tuner + OptunaSearch": (theirs, args.peer_trials),
        "  keeping workers": (functools.partial(theirs, reuse=True), args.trials),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _, (name, (run, trials)) in itertools.product(range(args.repeats), runs.items()):
        with tempfile.TemporaryDirectory() as folder:
            ends = run(args.work, imports, trials, args.slots, Path(folder))
        found[name].append(overhead(ends, args.work, args.slots))
    print(f"\n{'worker imports ' + ' and '.join(imports) if imports else 'worker imports nothing'}")
    print("                            trials    slot-s a trial beyond its work    to ours         from the start")
    own = statistics.median(steady for steady, _ in found["ours"])
    for name, values in found.items():
        steady, whole = zip(*values, strict=True)
        ratio = statistics.median(steady) / own
        print(f"{name:26} {runs[name][1]:7} {spread(steady):>33} {ratio:10.1f} {spread(whole):>22}", flush=True)


def main() -> None:
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=float, default=0.05, help="seconds of a trial (default: 0.05)")
    parser.add_argument("--trials", type=int, default=200, help="of a run (default: 200)")
    parser.add_argument("--peer-trials", type=int, default=8, help="of a run with a process a trial (default: 8)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--slots", type=int, default=2, help="trials at once (default: 2)")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with local_ray(args.slots):
        for imports in ((), IMPORTS):
            table(args, imports)


if __name__ == "__main__":
    main()
