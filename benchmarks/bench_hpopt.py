"""A whole search against `chemprop hpopt`: time, processor time, memory and test error of what each one finds.

    python benchmarks/bench_hpopt.py [--pairs hv_from_ds ct_from_bp] [--split random] [--trials 4] [--epochs 20]
                                     [--cores 1] [--algorithm random] [--timeout 3600] [--keep hpopt.jsonl]
                                     [--work DIR]

Both get the same molecules in the same parts, the same number of trials, passes over the training molecules and cores,
and learn only the target. chemprop: `chemprop hpopt` over its default search space, then `chemprop train` with the best
configuration, which it wrote, as its manual says. Ours: `gear-search run` with the method `stl`, like theirs without
early stopping, with epochs of one pass and one validation part; it also records every step in MLflow, tests and exports
the winner. Two more show our search as it comes, and `chemprop train` with its defaults, which needs no search.

Costs are of whole process trees, Ray's daemons included. The test error is that of the best epoch by validation, in the
unit of the property, on the same molecules. A command whose time is up is ended, and the table says how many of its
trials had ended. What has been run is kept in a file and not run again, but for commands that may take longer now.

Ray gets more logical CPUs than there are cores for `chemprop hpopt`: all trials start at once, and each holds one CPU
while the trainer that it starts waits for another, so with as many as there are trials none would ever train. With one
for each trial and each core, and one more, about as many train at the same time as there are cores.
"""

import argparse
import contextlib
import csv
import json
import math
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from process_tree import Cost, measured

from gear.command_line import Parser
from gear.data import load_pair
from gear.data.pairs import PairData
from gear.data.task import PARTS

HERE = Path(__file__).resolve().parents[1]
CHEMPROP_PARTS = dict(zip(PARTS, ("train", "val", "test"), strict=True))
NOTHING = Cost(0.0, 0.0, 0.0, 0)  # of what was not run
# one thread for each trial; workers of Ray have the priority that the script was started with, not a lower one
COMMON = {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"}
SIDES = ("chemprop hpopt", "ours", "ours, as it comes", "chemprop train, defaults")


class Task(NamedTuple):
    """What is searched, by whom and with what."""

    side: str
    pair: str
    split: str
    trials: int
    epochs: int
    cores: int
    algorithm: str  # of chemprop hpopt; empty for others


class Outcome(NamedTuple):
    """How it ended.

    Attributes:
        search, final: what the search and the training after it cost; ours trains nothing after it, and a search whose
            time was up leaves nothing to train.
        ended: trials that ended.
        rmse: on the test part, in the property's unit; NaN if there is no model.
    """

    task: Task
    search: Cost
    final: Cost
    ended: int
    rmse: float

    def would_go_on(self, timeout: float) -> bool:
        """Whether a command was ended that may take longer now."""
        return any(cost.code is None and cost.seconds < timeout for cost in (self.search, self.final))


def write_molecules(pair: PairData, path: Path) -> None:
    """The target's molecules and parts as chemprop reads them, values as they are learnt."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["smiles", "value", "part"])
        for name, part in zip(PARTS, pair.target.parts(), strict=True):
            learnt = np.log10(part.value) if pair.target.log10 else part.value
            values = map(repr, learnt.tolist())
            rows.writerows((*row, CHEMPROP_PARTS[name]) for row in zip(part.smiles, values, strict=True))


def chemprop(command: str, task: Task, *more: str) -> list[str]:
    """The command line of a command of chemprop on the molecules in the working folder."""
    program = str(Path(sys.executable).with_name("chemprop"))
    data = ["--data-path", "molecules.csv", "--smiles-columns", "smiles", "--target-columns", "value"]
    train = ["--splits-column", "part", "--epochs", str(task.epochs), "--pytorch-seed", "0", "--num-workers", "0"]
    return [program, command, *data, *train, "--accelerator", "cpu", "--devices", "1", *more]


def hpopt(task: Task, scratch: Path) -> list[str]:
    """The command line of the search of chemprop; its result is in `search`."""
    cpus = task.trials + task.cores + 1
    search = ["--raytune-num-samples", str(task.trials), "--raytune-search-algorithm", task.algorithm]
    place = ["--raytune-num-cpus", str(cpus), "--raytune-temp-dir", str(scratch), "--hpopt-save-dir", "search"]
    return chemprop("hpopt", task, *search, *place)


def plan(task: Task) -> str:
    """Our plan of the same search."""
    as_it_comes = task.side == "ours, as it comes"
    search = "" if as_it_comes else 'pruner = "none"\nvalidation_folds = 1\n'
    training = "" if as_it_comes else "epoch_steps = 1\npatience = 0\n"
    return (
        f'pairs = ["{task.pair}"]\nsplits = ["{task.split}"]\nmethods = ["stl"]\n'
        f"[search]\ntrials = {task.trials}\n{search}[config.training]\nepochs = {task.epochs}\n{training}"
    )


def ours(task: Task) -> list[str]:
    """The command line of our search in the working folder."""
    place = ["--storage", "campaigns", "--name", "search", "--tracking-uri", "sqlite:///mlflow.db"]
    run = [sys.executable, "-m", "search.run", "--plan", "plan.toml", "--yes", "--address", "local"]
    return [*run, "--concurrency", str(task.cores), *place]


def ended_trials(log: str) -> int:
    """How many trials had ended by the last table of Ray Tune in a log."""
    states = re.findall(r"Trial status: (.*)", log)
    return sum(int(n) for n, _ in re.findall(r"(\d+) (TERMINATED|ERROR)", states[-1])) if states else 0


def predicted_rmse(path: Path, pair: PairData) -> float:
    """The error of the predictions of `chemprop train` for the test part, in the property's unit."""
    with path.open(newline="") as file:
        found = {row["smiles"]: float(row["value"]) for row in csv.DictReader(file)}
    test = pair.target.test
    if missing := set(test.smiles) - set(found):
        raise RuntimeError(f"{path} lacks {len(missing)} molecules of the test part, such as {min(missing)}")
    predictions = np.array([found[one] for one in test.smiles])
    return math.sqrt(float(np.mean(((10**predictions if pair.target.log10 else predictions) - test.value) ** 2)))


def run(task: Task, folder: Path, timeout: float) -> Outcome:
    """Search in an empty folder, and test what is found; a command has so many seconds."""
    pair = load_pair(task.pair, task.split)
    write_molecules(pair, folder / "molecules.csv")
    if task.side.startswith("ours"):
        return run_ours(task, folder, timeout)
    return run_chemprop(task, pair, folder, timeout)


def run_chemprop(task: Task, pair: PairData, folder: Path, timeout: float) -> Outcome:
    environment = {
        "HOME": str(folder),  # Ray Tune writes there
        "RAY_ADDRESS": "local",  # not a cluster that happens to run here
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(timeout),  # a trainer waits for a core, and starts once
    }

    def cost(name: str, command: Sequence[str]) -> Cost:
        return checked(command, folder / f"{name}.log", folder, timeout, environment)

    search, ended, configuration = NOTHING, 0, []
    if task.side == "chemprop hpopt":
        with tempfile.TemporaryDirectory(
            prefix="ray-", ignore_cleanup_errors=True
        ) as scratch:  # sockets need short paths
            search = cost("search", hpopt(task, Path(scratch)))
        ended = ended_trials((folder / "search.log").read_text(errors="replace"))
        if search.code is None:
            return Outcome(task, search, NOTHING, ended, math.nan)
        configuration = ["--config-path", "search/best_config.toml"]
    final = cost("final", chemprop("train", task, *configuration, "--output-dir", "final"))
    found = sorted((folder / "final").rglob("test_predictions.csv"))
    return Outcome(task, search, final, ended, predicted_rmse(found[0], pair) if found else math.nan)


def run_ours(task: Task, folder: Path, timeout: float) -> Outcome:
    from search.launch.campaign_result import load_campaign

    (folder / "plan.toml").write_text(plan(task))
    cost = checked(ours(task), folder / "search.log", folder, timeout, {"PYTHONPATH": str(HERE)})
    result = load_campaign("search", str(folder / "campaigns"))
    (study,) = result.campaign.studies.values()
    ended = sum(trial.state != "running" for trial in study.trials)
    (rmse,) = result.leaderboard()["test_rmse_units"]
    return Outcome(task, cost, NOTHING, ended, math.nan if rmse is None else float(rmse))


def checked(command: Sequence[str], log: Path, folder: Path, timeout: float, environment: dict[str, str]) -> Cost:
    """The cost of a command, which must succeed if its time was enough."""
    cost = measured(command, timeout=timeout, log=log, folder=folder, environment=environment | COMMON)
    if cost.code:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise SystemExit(f"{' '.join(command)}\nended with {cost.code}:\n{last}")
    return cost


def kept(path: Path) -> dict[Task, Outcome]:
    """Outcomes of earlier launches."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = (json.loads(line) for line in lines)
    return {
        Task(*task): Outcome(Task(*task), Cost(*search), Cost(*final), ended, rmse)
        for task, search, final, ended, rmse in found
    }


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines, as Markdown; ratios are to `ours` on the same pair."""
    yield "| pair | | trials ended | time, s | CPU, s | to ours | memory, MiB | test RMSE | to ours |"
    yield "|--" * 9 + "|"
    for outcome in outcomes:
        task, cost = outcome.task, outcome.search + outcome.final
        same = task._replace(side="ours", algorithm="")
        own = next((one for one in outcomes if one.task == same), None)
        more = "" if None not in (outcome.search.code, outcome.final.code) else "at least "
        ratio = "" if own is None else f"{more}{cost.cpu / own.search.cpu:.1f}"
        ended = "no search" if task.side.endswith("defaults") else f"{outcome.ended} of {task.trials}"
        shown = [f"{more}{cost.seconds:.0f}", f"{more}{cost.cpu:.0f}", ratio, f"{cost.peak:.0f}"]
        error_ratio = "" if own is None else f"{outcome.rmse / own.rmse:.2f}"
        errors = ["none", ""] if math.isnan(outcome.rmse) else [f"{outcome.rmse:.4g}", error_ratio]
        yield "| " + " | ".join([task.pair, task.side, ended, *shown, *errors]) + " |"


@contextlib.contextmanager
def empty_folder(place: Path | None) -> Iterator[Path]:
    """A folder of its own in a place, which is kept, or a temporary one."""
    if place is None:
        with tempfile.TemporaryDirectory(prefix="hpopt-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        place.mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix="hpopt-", dir=place.resolve()))


def main() -> None:
    """Run what is missing and print the table."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", default=["hv_from_ds", "ct_from_bp"])
    parser.add_argument("--split", default="random")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--algorithm", choices=["random", "optuna", "hyperopt"], default="random")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds of each command (default: 3600)")
    parser.add_argument("--keep", type=Path, default=Path("hpopt.jsonl"), metavar="FILE")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep logs and results here (default: nowhere)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that what runs is ended too
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.cores :])
    outcomes = kept(args.keep)
    tasks = [
        Task(side, pair, args.split, args.trials, args.epochs, args.cores, args.algorithm * (side == "chemprop hpopt"))
        for pair in args.pairs
        for side in args.sides
    ]
    for task in tasks:
        if task in outcomes and not outcomes[task].would_go_on(args.timeout):
            continue
        with empty_folder(args.work) as folder:
            outcomes[task] = run(task, folder, args.timeout)
        with args.keep.open("a") as file:
            file.write(json.dumps(outcomes[task]) + "\n")
        print("\n".join(table([outcomes[one] for one in tasks if one in outcomes])), flush=True)


if __name__ == "__main__":
    main()
