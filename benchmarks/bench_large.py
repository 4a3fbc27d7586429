"""A source of 10,000 to 1,000,000 molecules: seconds and memory to open it, of a step and of an epoch.

    python benchmarks/bench_large.py [--folder DIR] [--molecules 10000 100000 1000000] [--epochs 2] [--older DIR]

Molecules are generated: two ends and three rings or chains between them, as a seed chooses, 12 to 28 heavy atoms, and a
value that is a sum over the pieces. Their tables are written as cleaning leaves them, and their graphs are featurised
before anything is measured (`bench_data.py` measures both). DIR keeps tables, caches and results, by default until the
end; --again measures what was measured before.

Every way to open the pair has a process of its own. `first` finds only the tables of the tasks and their graphs: the
pair and the tables of environments are built. `second` opens them beside a process that holds them already, as a
further trial on the same machine does. `private` has nothing to share: so was every trial before there was such a
cache, and so are those of smaller pairs; `older` does the same with the code of another checkout, such as
`git worktree add /tmp/older COMMIT` makes. All but the first then train epochs of `gear`, by default two, with its
default configuration, without a warm start; the last one is shown. Seconds are processor time. Each way is measured
once and noted in DIR/results.json, so that a run that was stopped continues.

Memory is counted from a process that has imported everything: `private` that nobody else has (what a further trial
adds), `PSS` with the shares of pages that several processes map, `RSS` with all of them, `peak` the most while opening.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gear.command_line import Parser
from gear.config import PairSpec, TaskSpec
from gear.data.cache import cache_folder

if TYPE_CHECKING:
    import torch

    from gear.training.loop import TrainingRun

HERE = Path(__file__).resolve().parents[1]
TARGET, SHARED = 1_000, 200  # molecules of the target, and of them in the source too
WAYS = ("first", "second", "private")
BATCHES, BATCH = 50, 128  # that are gathered to be timed

ENDS = (
    *("C", "CC", "CCC", "CC(C)C", "C(C)(C)C", "CO", "CCO", "CC#N", "CF", "C(F)(F)F", "CCl", "CBr", "OC", "OCC", "NC"),
    *("N(C)C", "SC", "C(=O)O", "C(=O)OC", "C(N)=O", "S(N)(=O)=O", "C=C"),
)
PIECES = [
    *("c{0}ccc(%)cc{0}", "c{0}cccc(%)c{0}", "c{0}ccc(%)nc{0}", "c{0}cc(%)ccc{0}F", "c{0}ccc(%)c(Cl)c{0}"),
    *("c{0}csc(%)c{0}", "c{0}coc(%)c{0}", "n{0}cc(%)cn{0}", "C{0}CCC(%)CC{0}", "N{0}CCC(%)CC{0}", "N{0}CCN(%)CC{0}"),
    *("C{0}CC(%)C{0}", "C{0}OCC(%)O{0}", "C(=O)N%", "C(=O)O%", "OCC%", "CCC%", "CNC%", "S(=O)(=O)N%", "C(C)C%"),
    *("CC(O)C%", "C=CC%", "C#C%", "N(C)C(=O)%", "C(F)(F)C%", "CSC%"),
]


def molecules(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """So many different SMILES, and their values without noise."""
    sizes = (len(ENDS), len(PIECES), len(PIECES), len(PIECES), len(ENDS))
    generator = np.random.default_rng(seed)
    chosen = np.unravel_index(generator.choice(int(np.prod(sizes)), count, replace=False), sizes)
    worth = [generator.normal(size=size) for size in sizes]
    values = np.sum([worths[index] for worths, index in zip(worth, chosen, strict=True)], axis=0)
    return [_written(*row) for row in zip(*(index.tolist() for index in chosen), strict=True)], values


def _written(first: int, one: int, two: int, three: int, last: int) -> str:
    smiles = ENDS[last]
    for ring, piece in ((3, three), (2, two), (1, one)):
        smiles = PIECES[piece].format(ring).replace("%", smiles)
    # an end is written from its bond on, so the first one is a branch
    return f"C({ENDS[first]}){smiles}"


def write_tables(folder: Path, count: int) -> None:
    """Write the tables of a source of so many molecules and its target, if they are not there; pack their graphs."""
    from gear.data.pairs import load_task
    from gear.data.user_files.task_file import table_key

    target, sources = _tasks(folder, count)
    if not Path(sources[0].file or "").exists():
        smiles, value = molecules(count + TARGET - SHARED)
        noise = np.random.default_rng(1).normal(size=(2, len(smiles)))
        parts = {target: slice(TARGET), sources[0]: slice(TARGET - SHARED, None)}
        for (task, part), added in zip(parts.items(), noise, strict=True):
            path, rows = Path(task.file or ""), sorted(zip(smiles[part], (value + 0.3 * added)[part], strict=True))
            path.write_text("smiles,value\n" + "".join(f"{text},{number!r}\n" for text, number in rows))
            _write_cleaned(table_key(path, task), *zip(*rows, strict=True))
    for task in (target, *sources):
        load_task(task)


def _tasks(folder: Path, count: int) -> tuple[TaskSpec, tuple[TaskSpec, ...]]:
    target, source = (
        TaskSpec(name, str(folder / f"{name}-{count}.csv"), "value", unit="kJ/mol") for name in ("target", "source")
    )
    return target, (source,)


def _write_cleaned(key: str, smiles: Sequence[str], value: Sequence[float]) -> None:
    """A cleaned table as `gear.data.user_files.task_file` writes it; every molecule is its own parent and group."""
    import pyarrow as pa

    from gear.data.cache import write_table
    from gear.data.user_files.task_file import COLUMNS, KINDRED

    count = len(smiles)
    columns = {"smiles": smiles, "value": value} | dict.fromkeys(KINDRED, smiles)
    columns |= {"part": ["train"] * count, "rows": [1] * count, "spread": [0.0] * count, "bound": [0] * count}
    table = pa.table({name: list(columns[name]) for name in COLUMNS})
    write_table(cache_folder() / "files" / f"{key}.parquet", table, {"molecules": count, "largest spread": 0.0})


def memory() -> dict[str, float]:
    """MiB of this process: RSS, PSS, private."""
    found = {}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, value, _ = line.split()
        found[name.rstrip(":")] = int(value) / 1024
    return {"RSS": found["Rss"], "PSS": found["Pss"], "private": found["Private_Clean"] + found["Private_Dirty"]}


def work(folder: Path, count: int, way: str, epochs: int) -> None:
    """Open the pair, print what that took; after a line of input train, print what an epoch took; wait for another."""
    import torch

    from gear.config import TrainingConfig, TrialConfig
    from gear.data import load_pair
    from gear.device import claim
    from gear.testing.pairs import synthetic_pair
    from gear.training.loop import TrainingRun
    from gear.training.together import Together

    claim(1, 0.0)
    if way == "private":
        from gear.data import pair_cache, pairs

        pair_cache.LARGE, pairs.open_pair = sys.maxsize, lambda *_: None
    spec = PairSpec(*_tasks(folder, count))
    config = TrialConfig(method="gear", training=TrainingConfig(warm_start=False))
    Together([TrainingRun(config, synthetic_pair(), "cpu")])._train_epoch()  # what is imported or made once
    before, started, wall = memory(), time.process_time(), time.perf_counter()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    data = load_pair(spec, "random")
    loaded = time.process_time()
    run = TrainingRun(config, data, "cpu")
    gather(run, torch.arange(BATCH))
    told = {"load": loaded - started, "open": time.process_time() - started, "wall": time.perf_counter() - wall}
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps(told | {"peak": int(peak.split()[1]) / 1024 - before["RSS"]} | _since(before)), flush=True)
    if not sys.stdin.readline():
        return
    array, rows = Together([run]), torch.randperm(len(data.smiles))
    parts = rows[: BATCHES * BATCH].split(BATCH)
    told = {"gather": statistics.median(_seconds(lambda part=part: gather(run, part)) for part in parts)}
    for _ in range(epochs):  # the last one counts
        told["training"] = _seconds(lambda: told.update(steps=array._train_epoch()[0].steps))
        told["validation"] = _seconds(lambda: array.validation.losses(array.average))
    print(json.dumps(told | _since(before)), flush=True)


def gather(run: "TrainingRun", rows: "torch.Tensor") -> None:
    """What a network reads of some molecules."""
    run.data.batch(rows).molecules.read_by("dmpnn").environments(run.config.embedding.depth)


def _since(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in memory().items()}


def _seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


class Worker:
    """A process that opens a pair in one of the ways, and answers a line of JSON for each step of its work."""

    def __init__(self, folder: Path, count: int, way: str, epochs: int, checkout: Path = HERE) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", json.dumps([str(folder), count, way, epochs])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=checkout,
        )
        self.opened = self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise SystemExit("a process ended before its time: see above")
        return dict(json.loads(line))

    def trained(self) -> dict[str, float]:
        """Let it train."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = self._answer()
        self.end()
        return found

    def end(self) -> None:
        """Let it end without more."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measured(folder: Path, count: int, way: str, epochs: int, checkout: Path) -> dict[str, dict[str, float]]:
    """What a way takes to open and, but for the first, to train."""
    if way == "first":
        write_tables(folder, count)
        for path in (cache_folder() / "molecules").glob("*.arrow"):
            (cache_folder() / "packs" / path.name).unlink(missing_ok=True)
        for name in ("pairs", "molecules", "environments"):
            shutil.rmtree(cache_folder() / name, ignore_errors=True)
    beside = [Worker(folder, count, way, epochs)] if way == "second" else []
    worker = Worker(folder, count, way, epochs, checkout)
    found = {"opened": worker.opened}
    if way == "first":
        worker.end()
        files = cache_folder().rglob("*.arrow")
        found["cache"] = {"MiB": sum(path.stat().st_size for path in files) / 2**20}
    else:
        found["trained"] = worker.trained()
    for other in beside:
        other.end()
    return found


def show(count: int, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print the table of a number of molecules."""
    print(f"\n{count:,} source molecules, {found['first']['cache']['MiB']:.0f} MiB of arrays in the cache")
    print(
        f"{'to open':28}{'CPU s':>10}{'wall s':>10}"
        + "".join(f"{name:>12}" for name in ("private", "PSS", "RSS", "peak"))
    )
    private = found["private"]["opened"]
    ways = [way for way in (*WAYS, "older") if way in found]
    for way in ways:
        row = found[way]["opened"]
        memory = "".join(f"{row[name]:8.0f} MiB" for name in ("private", "PSS", "RSS", "peak"))
        print(
            f"{way:28}{row['open']:10.2f}{row['wall']:10.2f}{memory}   1/{private['open'] / row['open']:.1f} of private"
        )
    print(f"{'to train':28}{'gather ms':>10}{'step ms':>10}{'epoch s':>12}{'validation s':>14}{'private':>12}")
    for way in ways[1:]:
        row = found[way]["trained"]
        step, epoch = 1e3 * row["training"] / row["steps"], row["training"] + row["validation"]
        times = f"{1e3 * row['gather']:10.2f}{step:10.1f}{epoch:12.2f}{row['validation']:14.2f}"
        print(f"{way:28}{times}{row['private']:8.0f} MiB")


def main() -> None:
    """Measure, or do the work of one of the processes."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="of tables, caches and results (default: a temporary one)")
    parser.add_argument("--molecules", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="measure what was measured before")
    parser.add_argument("--older", type=Path, help="another checkout, from before there was such a cache")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        folder, count, way, epochs = json.loads(args.work)
        return work(Path(folder), count, way, epochs)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder, args)
    return None


def measure(folder: Path, args: argparse.Namespace) -> None:
    """Measure every number of molecules in every way that was not measured before, and print the tables."""
    results = folder / "results.json"
    known: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    if results.exists() and not args.again:
        known = json.loads(results.read_text())
    for count in args.molecules:
        os.environ["GEAR_CACHE"] = str(folder / f"cache-{count}")
        found = known.setdefault(str(count), {})
        for way in (*WAYS, "older") if args.older else WAYS:
            if way not in found:
                checkout = args.older.resolve() if way == "older" else HERE
                found[way] = measured(folder, count, way, args.epochs, checkout)
                results.write_text(json.dumps(known, indent=1))
        show(count, found)


if __name__ == "__main__":
    main()
