"""Time and memory of the data: building and opening what is built in, featurising, a user's file of 200,000 rows.

    python benchmarks/bench_data.py

Every cold run is a process of its own with an empty cache. Memory is the most that it and its workers held at once
(resident sets, sampled every 0.5 s; pages that they share are counted once for each). The peer of featurising is
chemprop's own featurizer, parsing included, on the same molecules in the same run. Medians of three runs; of seven
where a run takes less than a minute.

The large file is made of the built-in molecules: each with one of its hydrogen atoms replaced by F, Cl, CH3, OH or NH2,
as many different ones as it takes, and a tenth of the rows once more with other values.
"""

import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from rdkit import Chem, RDLogger

from gear.data import PROPERTIES, featurize, load_pair, load_property
from gear.data.builtin import tables
from gear.data.cache import cache_folder
from gear.data.molecules.featurize import featurize_chunk
from gear.data.molecules.pack import open_pack

ROWS, REPEATED = 200_000, 20_000
LONG_RUNS, SHORT_RUNS = 3, 7
SAMPLE = 0.5  # seconds
FEATURISED = 6_000  # molecules
TABLES = "from gear.data import PROPERTIES, load_property; [load_property(c) for c in PROPERTIES]"
PACKS = (
    "from gear.data.builtin import tables; tables.built_in_task('mp')"  # one pack holds the molecules of all properties
)


class Cost(NamedTuple):
    seconds: float
    peak: float  # bytes

    def shown(self) -> str:
        return f"{self.seconds:8.1f} s {self.peak / 2**20:8.0f} MiB"


def measured(arguments: list[str], cache: Path) -> Cost:
    """What a command of its own process costs."""
    started, peak = time.perf_counter(), 0.0
    environment = os.environ | {"GEAR_CACHE": str(cache)}
    with subprocess.Popen([sys.executable, *arguments], env=environment, **_quiet()) as process:
        while process.poll() is None:
            peak = max(peak, held(psutil.Process(process.pid)))
            time.sleep(SAMPLE)
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with {process.returncode}")
    return Cost(time.perf_counter() - started, peak)


def _quiet() -> dict[str, int]:
    return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def held(process: psutil.Process) -> float:
    """Bytes of a process and its workers."""
    try:
        return sum(member.memory_info().rss for member in (process, *process.children(recursive=True)))
    except psutil.Error:  # one ended meanwhile
        return 0.0


def median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def cold_table() -> None:
    """Building everything that is built in."""
    built: dict[str, list[Cost]] = {"tables": [], "packs": []}
    for _ in range(LONG_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            built["tables"].append(measured(["-c", TABLES], Path(folder)))
            built["packs"].append(measured(["-c", PACKS], Path(folder)))
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    print(f"everything cold, {len(PROPERTIES)} properties, {size / 2**20:.1f} MiB in the cache")
    for name, costs in built.items():
        print(f"{name:24}{median(costs).shown()}")
    print()


def warm_table() -> None:
    """Opening what has been built, in a process that has imported it."""
    tables.built_in_task("mp")
    (pack,) = (cache_folder() / "packs").glob("built-in-*.arrow")

    def fresh(run: Callable[[], object]) -> Callable[[], object]:
        def emptied() -> object:
            for cache in (tables.built_in_task, tables.load_property, tables._load):
                cache.cache_clear()
            return run()

        return emptied

    cases = {
        "the pack of all molecules": lambda: open_pack(pack),
        "all tables": fresh(lambda: [load_property(code) for code in PROPERTIES]),
        "hv_from_ds, random": fresh(lambda: load_pair("hv_from_ds", "random")),
        "bp_from_mp, scaffold": fresh(lambda: load_pair("bp_from_mp", "scaffold")),
    }
    print("everything warm")
    for name, run in cases.items():
        print(f"{name:26}{1e3 * statistics.median(seconds(run) for _ in range(SHORT_RUNS)):8.1f} ms")
    print()


def featurise_table() -> None:
    """Molecules a second, SMILES to features."""
    smiles = load_property("mp")["smiles"].to_pylist()
    smiles = random.Random(0).sample(smiles, FEATURISED)
    peer = SimpleMoleculeMolGraphFeaturizer()
    cases: dict[str, Callable[[], object]] = {
        "chemprop": lambda: [peer(Chem.MolFromSmiles(text)) for text in smiles],
        "packed, one process": lambda: featurize_chunk(smiles),
        "packed, all processors": lambda: featurize(smiles * 4),
    }
    cases["packed, all processors"]()  # starts the workers
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(SHORT_RUNS):  # in turn: the machine's mood is shared
        for name, run in cases.items():
            taken[name].append(seconds(run) / (4 if name.endswith("processors") else 1))
    base = statistics.median(taken["chemprop"])
    print(f"featurising {FEATURISED:,} molecules of mp (four times as many for all processors)")
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:24}{FEATURISED / middle:10,.0f} molecules/s   {base / middle:6.1f} x chemprop")
    print()


def substituted() -> Iterator[str]:
    """Different molecules: built-in ones with a hydrogen atom replaced."""
    parents = sorted(set().union(*(load_property(code)["smiles"].to_pylist() for code in PROPERTIES)))
    seen: set[str] = set()
    for place, substituent in ((place, number) for place in itertools.count() for number in (9, 17, 6, 8, 7)):
        for parent in parents:
            mol = Chem.RWMol(Chem.MolFromSmiles(parent))
            open_places = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetTotalNumHs()]
            if place >= len(open_places):
                continue
            mol.AddBond(open_places[place], mol.AddAtom(Chem.Atom(substituent)), Chem.BondType.SINGLE)
            mol.GetAtomWithIdx(open_places[place]).SetNumExplicitHs(0)
            if not Chem.SanitizeMol(mol, catchErrors=True) and (smiles := Chem.MolToSmiles(mol)) not in seen:
                seen.add(smiles)
                yield smiles


def write_large(path: Path) -> int:
    """A file of ROWS rows; the number of its different molecules."""
    generator = random.Random(0)
    different = list(itertools.islice(substituted(), ROWS - REPEATED))
    rows = different + generator.sample(different, REPEATED)
    generator.shuffle(rows)
    with path.open("w") as file:
        file.write("smiles,value\n")
        file.writelines(f"{smiles},{generator.gauss(300, 60):.3f}\n" for smiles in rows)
    return len(set(rows))


def large_table() -> None:
    """Loading, cleaning and packing a large file, cold and warm."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        different = write_large(path)
        check = ["-m", "gear.data", "check", str(path), "--column", "value"]
        cold, warm = [], []
        for run in range(LONG_RUNS):
            cache = Path(folder) / str(run)
            cold.append(measured(check, cache))
            warm.append(measured(check, cache))
            size = sum(p.stat().st_size for p in cache.rglob("*") if p.is_file())
        print(f"{ROWS:,} rows, {different:,} different molecules, {path.stat().st_size / 2**20:.1f} MiB of CSV,")
        print(f"{size / 2**20:.1f} MiB in the cache")
    for name, costs in (("cold", cold), ("warm, start included", warm)):
        print(f"{name:24}{median(costs).shown()}")


def main() -> None:
    RDLogger.DisableLog("rdApp.*")
    cold_table()
    warm_table()
    featurise_table()
    large_table()


if __name__ == "__main__":
    main()
