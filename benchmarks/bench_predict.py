"""Prediction: a file of 100,000 molecules by the command, and molecules a second beside chemprop's own prediction.

    python benchmarks/bench_predict.py [--molecules 100000] [--peer-molecules 5000]

The molecules are the built-in ones, each spelled at random as often as it takes. The command is a process of its own;
its memory is the most that it and its workers held at once (resident sets, sampled every 0.5 s; pages that they share
are counted once for each), its CPU time that of all of them, start of Python included.

The peer is chemprop's MPNN of the same size: its data points from SMILES, its default data loader and Lightning's
`predict`, in this process on one thread, as ours is. Ours finds the canonical SMILES of every molecule besides, and
`assess` its similarity to the training molecules. All take turns; medians. Weights do not matter here: they are those
of one epoch.
"""

import argparse
import logging
import random
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_data import measured
from rdkit import Chem

from gear.command_line import Parser
from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.data import PROPERTIES, load_pair, load_property
from gear.data.cache import cache_folder
from gear.export import Member, export_model
from gear.predict import load_predictor
from gear.training.loop import TrainingRun

RUNS = 5
CONFIG = TrialConfig(method="stl", training=TrainingConfig(epochs=1))


def export(folder: Path) -> Path:
    """A model of hv_from_ds."""
    pair = load_pair("hv_from_ds", "random")
    run = TrainingRun(CONFIG, pair, "cpu")
    list(run.epochs())
    run.save(folder / "checkpoint")
    spec = TrialSpec(PairSpec(TaskSpec("hv"), (TaskSpec("ds"),)), "random", config=CONFIG)
    export_model([Member(folder / "checkpoint", spec, pair)], pair, folder / "export", {})
    return folder / "export"


def spelled(count: int) -> list[str]:
    """Built-in molecules, spelled at random."""
    Chem.rdBase.SeedRandomNumberGenerator(0)
    known = sorted(set().union(*(load_property(code)["smiles"].to_pylist() for code in PROPERTIES)))
    random.Random(0).shuffle(known)
    return [Chem.MolToSmiles(Chem.MolFromSmiles(known[n % len(known)]), doRandom=True) for n in range(count)]


def command_table(folder: Path, count: int) -> None:
    """Print what the command costs."""
    path, out = folder / "molecules.csv", folder / "predictions.csv"
    for rows in (count // 10, count):
        path.write_text("smiles\n" + "".join(f"{smiles}\n" for smiles in spelled(rows)))
        before = cpu_seconds()
        command = ["-m", "gear.predict", str(folder / "export"), str(path), "--out", str(out)]
        cost = measured(command, cache_folder().parent)
        print(f"{rows:9,} molecules {cost.shown()} {cpu_seconds() - before:8.1f} s of CPU", flush=True)


def cpu_seconds() -> float:
    """Of all processes that this one has started and seen end, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peer(smiles: list[str]) -> np.ndarray:
    """Predictions of chemprop's MPNN under its Lightning trainer."""
    from chemprop import data, models
    from chemprop import nn as layers
    from lightning import pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # only now, for the import sets it
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.ERROR)
    width, depth = CONFIG.embedding.width, CONFIG.embedding.depth
    passing = layers.BondMessagePassing(d_h=width, depth=depth)
    model = models.MPNN(passing, layers.MeanAggregation(), layers.RegressionFFN(input_dim=width, hidden_dim=width))
    dataset = data.MoleculeDataset([data.MoleculeDatapoint.from_smi(text) for text in smiles])
    loader = data.build_dataloader(dataset, num_workers=0, shuffle=False)
    trainer = pl.Trainer(
        logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu", devices=1
    )
    return np.concatenate([batch.numpy() for batch in trainer.predict(model, loader)])


def peer_table(folder: Path, count: int) -> None:
    """Print molecules a second in one process on one thread."""
    torch.set_num_threads(1)
    predictor, smiles = load_predictor(folder / "export", device="cpu"), spelled(count)
    runs: dict[str, Callable[[list[str]], object]] = {
        "chemprop": peer,
        "predict": predictor.predict,
        "assess, with similarity": predictor.assess,
    }
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(RUNS):
        for name, run in runs.items():
            started = time.perf_counter()
            run(smiles)
            taken[name].append(time.perf_counter() - started)
    base = statistics.median(taken["chemprop"])
    print(f"\n{count:,} molecules, one process, one thread")
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{name:24}{count / middle:10,.0f} molecules/s   {base / middle:6.1f} x chemprop")


def main() -> None:
    """Print both tables."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecules", type=int, default=100_000)
    parser.add_argument("--peer-molecules", type=int, default=5_000)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(folder)
        command_table(folder, args.molecules)
        peer_table(folder, args.peer_molecules)


if __name__ == "__main__":
    main()
