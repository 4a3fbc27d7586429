"""Molecules a second in training: each method of this project, and chemprop's own training of the same D-MPNN.

    python tests/benchmarks/bench_training.py

One thread, hv_from_ds (random split), batch 64, width 64, depth 3; medians of three runs. The peer is chemprop's
Lightning trainer with its default data loader, on the same training molecules.
"""

import logging
import statistics
import time
import warnings

import numpy as np
import torch

from gear.config import TrainingConfig, TrialConfig
from gear.data import load_pair
from gear.data.pairs import PairData
from gear.training import TrainingRun

REPEATS = 3
WIDTH, DEPTH, BATCH = 64, 3, 64


def ours(method: str, pair: PairData) -> float:
    """Molecules a second in the second epoch, when everything is warm."""
    run = TrainingRun(TrialConfig(method=method, training=TrainingConfig(epochs=2, batch_size=BATCH)), pair, "cpu")
    return list(run.epochs())[-1].molecules_per_second


def chemprop(pair: PairData) -> float:
    """Molecules a second of chemprop's MPNN under its Lightning trainer, one epoch after a warm one."""
    from chemprop import data, models, nn
    from lightning import pytorch as pl

    train = pair.target.train
    labels = (train.value - train.value.mean()) / train.value.std()
    points = [
        data.MoleculeDatapoint.from_smi(smiles, np.array([label]))
        for smiles, label in zip(train.smiles, labels, strict=True)
    ]
    loader = data.build_dataloader(data.MoleculeDataset(points), batch_size=BATCH, num_workers=0, seed=0)
    passing = nn.BondMessagePassing(d_h=WIDTH, depth=DEPTH)
    model = models.MPNN(passing, nn.MeanAggregation(), nn.RegressionFFN(input_dim=WIDTH, hidden_dim=WIDTH))

    class Clock(pl.Callback):
        started, seconds = 0.0, 0.0

        def on_train_epoch_start(self, *_: object) -> None:
            self.started = time.perf_counter()

        def on_train_epoch_end(self, *_: object) -> None:
            self.seconds = time.perf_counter() - self.started

    clock = Clock()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", callbacks=[clock], enable_model_summary=False, **quiet)
    trainer.fit(model, loader)
    return len(points) / clock.seconds


def main() -> None:
    """Print the table."""
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    pair = load_pair("hv_from_ds", "random")
    runs = {"chemprop": chemprop, "stl": lambda p: ours("stl", p), "gear": lambda p: ours("gear", p)}
    speeds = {name: [run(pair) for _ in range(REPEATS)] for name, run in runs.items()}
    peer = statistics.median(speeds["chemprop"])
    print(f"{'':10} molecules/s (median, min..max)   ratio to chemprop")
    for name, found in speeds.items():
        median = statistics.median(found)
        print(f"{name:10} {median:8.0f}  ({min(found):.0f}..{max(found):.0f})   {median / peer:8.2f}")


if __name__ == "__main__":
    main()
