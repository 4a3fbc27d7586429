"""The data of a pair in the form that training uses: standardised labels by molecule, the batches of an epoch."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.data.pairs import PairData, Part, TaskData
from gear.device import send
from gear.embeddings import prepare
from gear.label_scaler import Scaler
from gear.methods.pair_batch import PairBatch
from gear.model.molecules import MoleculeStore

__all__ = ["TrainingData", "epoch_batches"]


class HeldOut(NamedTuple):
    """Molecules that a task is validated on."""

    rows: Tensor  # (V,) on the CPU
    labels: Tensor  # (V,) float64, standardised


class TrainingData:
    """The data of a pair that the training loop uses, on the device. Lists run over the tasks, the target first.

    A molecule has the label of a task only if it is in the task's training part; a molecule in the training parts of
    several tasks has several labels. In a pair with feature columns this holds for data points instead of molecules.

    Args:
        pair: its data.
        kinds: kinds of the embeddings that read the molecules.
        device: device of the batches.
        store: the pair's molecules there, if they are there already.
    """

    def __init__(
        self, pair: PairData, kinds: Collection[str], device: torch.device, store: MoleculeStore | None = None
    ) -> None:
        tasks = (pair.target, *pair.sources)
        points = () if pair.points is None else (pair.points.columns, pair.points.molecule)
        self.store = store or MoleculeStore(prepare(kinds, pair), device, *points)
        self.scalers = [Scaler.fit(task.train.value, task.log10) for task in tasks]
        self.train_rows = [self.rows(task.train) for task in tasks]
        self.labels = self._labels(pair.rows, tasks).to(device)
        bounds = self._bounds(pair.rows, tasks)
        self.bounds = None if bounds is None else bounds.to(device)
        self.validation = [
            HeldOut(self.rows(task.validation), torch.from_numpy(scaler.standardise(task.validation.value)).to(device))
            for task, scaler in zip(tasks, self.scalers, strict=True)
        ]

    def _labels(self, molecules: int, tasks: Sequence[TaskData]) -> Tensor:
        labels = np.full((molecules, len(tasks)), np.nan)
        for column, (task, scaler) in enumerate(zip(tasks, self.scalers, strict=True)):
            labels[task.train.rows, column] = scaler.standardise(task.train.value)
        return torch.tensor(labels, dtype=torch.float32)

    @staticmethod
    def _bounds(molecules: int, tasks: Sequence[TaskData]) -> Tensor | None:
        """Which labels are learnt as bounds, in the shape of the labels; None if none is."""
        if all(task.bounds is None for task in tasks):
            return None
        bounds = np.zeros((molecules, len(tasks)))
        for column, task in enumerate(tasks):
            if task.bounds is not None:
                bounds[:, column] = task.bounds
        return torch.tensor(bounds, dtype=torch.float32)

    @staticmethod
    def rows(part: Part) -> Tensor:
        """Molecules of a part (N,), on the CPU."""
        return torch.tensor(np.asarray(part.rows), dtype=torch.int64)

    def learnt_rows(self, *, with_sources: bool) -> Tensor:
        """Distinct molecules (B,) of the target's training part, and of the sources' if a method learns from them."""
        rows: Tensor = torch.cat(self.train_rows if with_sources else self.train_rows[:1]).unique()
        return rows

    def batch(self, rows: Tensor) -> PairBatch:
        """The batch of the molecules `rows` (B,), a CPU tensor."""
        there = send(rows, self.labels.device)
        return PairBatch(
            self.store.batch(rows), self.labels[there], None if self.bounds is None else self.bounds[there]
        )


def epoch_batches(
    target: Tensor, sources: Sequence[Tensor], batch_size: int, generator: torch.Generator, least_steps: int = 1
) -> Iterator[Tensor]:
    """Rows of each step of an epoch: whole passes over the target, with as many source rows as target rows.

    Several sources share the source rows evenly, so a step costs the same for any number of sources.

    Args:
        target: rows of the target's training part.
        sources: rows of each source's training part; none for a method that uses only the target.
        batch_size: maximum number of target molecules in a step. The sizes of steps differ by at most one, so that no
            step is left with a molecule or two, which is too few for a batch normalisation.
        generator: on the CPU, so that the batches are the same on every device.
        least_steps: passes are repeated until an epoch has at least this many steps.
    """
    steps = -(-len(target) // batch_size)
    for _ in range(-(-least_steps // steps)):
        yield from _pass(target, sources, steps, generator)


def _pass(target: Tensor, sources: Sequence[Tensor], steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One pass over the target in nearly equal parts, with as many source rows."""
    parts = [target[torch.randperm(len(target), generator=generator)].tensor_split(steps)]
    for index, source in enumerate(sources):
        wanted = (len(target) + index) // len(sources)
        passes = -(-wanted // len(source))
        shuffled = torch.cat([source[torch.randperm(len(source), generator=generator)] for _ in range(passes)])
        parts.append(shuffled[:wanted].tensor_split(steps))
    for rows in zip(*parts, strict=True):
        yield torch.cat(rows).unique() if sources else rows[0]
