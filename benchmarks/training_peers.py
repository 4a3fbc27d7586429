"""What `bench_training` times: training epochs of this project and of chemprop, parts of a step, matrix products."""

import logging
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from gear.config import EmbeddingConfig, LossWeights, TrainingConfig, TrialConfig, Value
from gear.data.pairs import PairData
from gear.model import EmbeddingNetwork
from gear.space import Choice, Dimension, Integer
from gear.training.batching import epoch_batches
from gear.training.flat import Rates
from gear.training.loop import TrainingRun
from gear.training.together import Together
from gear.variants import with_values
from search.plan.space import space

DEPTH, BATCH = 3, 64


def config(method: str, width: int, weights: LossWeights | None = None) -> TrialConfig:
    return TrialConfig(
        method=method,
        embedding=EmbeddingConfig(width=width, depth=DEPTH),
        weights=weights or LossWeights(),
        training=TrainingConfig(epochs=2, epoch_steps=1, batch_size=BATCH),
    )


def ours(trial: TrialConfig, pair: PairData, device: str) -> float:
    """Molecules a second in the second epoch, when everything is warm."""
    return list(TrainingRun(trial, pair, device).epochs())[-1].molecules_per_second


def chemprop(width: int, pair: PairData, device: str, *, cached: bool) -> float:
    """Molecules a second in the second epoch of chemprop's MPNN under its Lightning trainer."""
    from chemprop import data, models
    from chemprop import nn as layers
    from lightning import pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # only now, for the import sets it
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.ERROR)
    train = pair.target.train
    labels = (train.value - train.value.mean()) / train.value.std()
    points = [
        data.MoleculeDatapoint.from_smi(smiles, np.array([label]))
        for smiles, label in zip(train.smiles, labels, strict=True)
    ]
    dataset = data.MoleculeDataset(points)
    dataset.cache = cached
    loader = data.build_dataloader(dataset, batch_size=BATCH, num_workers=0, seed=0)
    passing = layers.BondMessagePassing(d_h=width, depth=DEPTH)
    model = models.MPNN(passing, layers.MeanAggregation(), layers.RegressionFFN(input_dim=width, hidden_dim=width))

    class Clock(pl.Callback):
        started, seconds = 0.0, 0.0

        def on_train_epoch_start(self, *_: object) -> None:
            wait(device)
            self.started = time.perf_counter()

        def on_train_epoch_end(self, *_: object) -> None:
            wait(device)
            self.seconds = time.perf_counter() - self.started

    clock = Clock()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    accelerator = "gpu" if device == "cuda" else "cpu"
    pl.Trainer(
        max_epochs=2, accelerator=accelerator, devices=1, callbacks=[clock], enable_model_summary=False, **quiet
    ).fit(model, loader)
    return len(points) / clock.seconds


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def steps(run: TrainingRun, count: int) -> Iterable[torch.Tensor]:
    """Rows of `count` training batches."""
    generator, found = torch.Generator().manual_seed(0), 0
    target, *sources = run.data.train_rows
    joined = sources if run.model.sees_sources else []
    while True:
        for rows in epoch_batches(target, joined, BATCH, generator):
            if found == count:
                return
            found += 1
            yield rows


def middle(dimension: Dimension) -> Value:
    """The median of what random sampling draws; of choices, the middle one."""
    if isinstance(dimension, Choice):
        return dimension.choices[len(dimension.choices) // 2]
    if isinstance(dimension, Integer):
        return dimension.low + (dimension.high - dimension.low) // dimension.step // 2 * dimension.step
    share = max(0.0, 0.5 - dimension.low_share) / (1 - dimension.low_share)
    if dimension.log:
        return float(dimension.low * (dimension.high / dimension.low) ** share)
    return dimension.low + share * (dimension.high - dimension.low)


def proposed(method: str) -> TrialConfig:
    """The configuration in the middle of a method's search space, which has no dropout."""
    return with_values(TrialConfig(method=method), {d.path: middle(d) for d in space(method)})


def rates(run: TrainingRun) -> Rates:
    """How the optimiser steps at the beginning of a training."""
    training = run.config.training
    return Rates(training.learning_rate, training.weight_decay, training.clip, 1 - training.ema)


def warm_mean(times: list[float], every: int) -> float:
    """Of the second half of the steps, when everything is warm.

    A mean over whole rounds of `every` steps: one of a round evaluates metric and curvature, which a median misses.
    """
    rounds = max(1, len(times) // 2 // every)
    return statistics.fmean(times[-rounds * every :])


class Steps:
    """Training steps of a configuration, timed whole by the processor time that they take."""

    def __init__(self, trial: TrialConfig, pair: PairData) -> None:
        self.run = TrainingRun(trial, pair, "cpu")
        self.flat = Together([self.run]).flat
        self.run.model.train()
        size, generator = trial.training.batch_size, torch.Generator().manual_seed(0)
        target, *sources = self.run.data.train_rows
        joined = sources if self.run.model.sees_sources else []
        self.rows = list(epoch_batches(target, joined, size, generator))
        self.generator = torch.Generator().manual_seed(0)
        self.times: list[float] = []

    def step(self, index: int) -> None:
        started = time.process_time()
        terms = self.run.model.loss_terms(self.run.data.batch(self.rows[index % len(self.rows)]), index, self.generator)
        self.run.model.total(terms.terms).backward()
        self.flat.step([rates(self.run)])
        self.times.append(1e3 * (time.process_time() - started))

    def mean(self) -> float:
        """Milliseconds of a step."""
        return warm_mean(self.times, self.run.config.curvature.every)


class Parts:
    """Milliseconds of the parts of training steps."""

    def __init__(self, trial: TrialConfig, pair: PairData, device: str) -> None:
        self.run, self.device = TrainingRun(trial, pair, device), device
        self.flat = Together([self.run]).flat
        self.run.model.train()
        self.times: dict[str, list[float]] = defaultdict(list)
        self.generator = torch.Generator().manual_seed(0)

    def _mark(self, name: str) -> None:
        wait(self.device)
        now = time.perf_counter()
        self.times[name].append(1e3 * (now - self.before))
        self.before = now

    def _start(self) -> None:
        wait(self.device)
        self.before = time.perf_counter()

    def step(self, rows: torch.Tensor, index: int) -> None:
        """Time one training step by part, then its embeddings alone."""
        run, depth = self.run, self.run.config.embedding.depth
        embeddings = [module for module in run.model.modules() if isinstance(module, EmbeddingNetwork)]
        self._start()
        begin = self.before
        batch = run.data.batch(rows)
        batch.molecules.read_by("dmpnn").environments(depth, groups=getattr(run.model, "tasks", None))
        self._mark("batch assembly")
        total = run.model.total(run.model.loss_terms(batch, index, self.generator).terms)
        self._mark("forward")
        total.backward()
        self._mark("backward")
        self.flat.step([rates(run)])
        self._mark("clipping, optimiser, average")
        self.times["step"].append(1e3 * (self.before - begin))
        self._start()
        embedded = [embedding(batch.molecules).sum() for embedding in embeddings]
        self._mark("embeddings, forward")
        torch.stack(embedded).sum().backward()
        self._mark("embeddings, backward")

    def mean(self, name: str) -> float:
        """Milliseconds of a part."""
        return warm_mean(self.times[name], self.run.config.curvature.every)


def product_sizes(trial: TrialConfig, pair: PairData, *, merged: bool) -> list[tuple[int, int, int]]:
    """Rows, inputs and outputs of every product with a weight in a median `stl` step.

    Merged as this project computes it, or with one row for every bond and atom, as a plain implementation does.
    """
    run, width = TrainingRun(trial, pair, "cpu"), trial.embedding.width
    linear = [layer for layer in run.model.modules() if isinstance(layer, nn.Linear)]
    w_i, w_h, w_o, *others = [(layer.in_features, layer.out_features) for layer in linear]
    batches = [run.data.batch(rows).molecules.read_by("dmpnn") for rows in steps(run, 21)]
    graph = sorted(batches, key=lambda batch: len(batch.plain.bonds))[10]
    rest = [(graph.size, *size) for size in others]
    if not merged:
        bonds, atoms = len(graph.plain.bonds), len(graph.plain.atoms)
        return [(bonds, *w_i), *[(bonds, *w_h)] * (DEPTH - 1), (atoms, *w_o), *rest]
    found = graph.environments(DEPTH)
    states = [len(found.bond_kinds), *(len(step.row_start) - 1 for step in found.bonds)]
    kinds = found.atom_kinds.shape
    return [(states[0], *w_i), *((s, *w_h) for s in states[:-1]), (*kinds, width), (states[-1], *w_h), *rest]


def products(sizes: list[tuple[int, int, int]], device: str) -> Callable[[], None]:
    """Forward and backward of bare matrix products: x W^T, G W, G^T x."""
    tensors = [
        (torch.randn(r, i, device=device), torch.randn(o, i, device=device), torch.randn(r, o, device=device))
        for r, i, o in sizes
    ]

    def multiply() -> None:
        for x, weight, upstream in tensors:
            _ = x @ weight.T, upstream @ weight, upstream.T @ x
        wait(device)

    return multiply
