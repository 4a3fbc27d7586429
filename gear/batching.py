"""A pair's data as training sees it: standardised labels by graph row, and the batches of an epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.data.pairs import PairData, Part, TaskData
from gear.model.graphs import GraphBatch, GraphStore
from gear.scaling import Scaler

__all__ = ["PairBatch", "TrainingData", "epoch_batches"]


class PairBatch(NamedTuple):
    """Molecules of both tasks, each once, with the labels that the training parts know of (NaN: unknown)."""

    graph: GraphBatch
    target: Tensor  # (B,) standardised
    source: Tensor  # (B,) standardised


class TrainingData:
    """Everything of a pair that the loop touches, on the device.

    A label is known to training only if its molecule is in that task's training part; a molecule that both tasks
    train on carries both labels.
    """

    def __init__(self, pair: PairData, device: torch.device) -> None:
        self.store = GraphStore(pair.graphs, device)
        self.target_scaler = Scaler.fit(pair.target.train.value, pair.target.log10)
        self.source_scaler = Scaler.fit(pair.source.train.value, pair.source.log10)
        self.target_labels = self._labels(pair.target, self.target_scaler)
        self.source_labels = self._labels(pair.source, self.source_scaler)
        self.target_rows = self.rows(pair.target.train)
        self.source_rows = self.rows(pair.source.train)
        self.target_validation = self._held_out(pair.target.validation, self.target_scaler)
        self.source_validation = self._held_out(pair.source.validation, self.source_scaler)

    def _labels(self, task: TaskData, scaler: Scaler) -> Tensor:
        labels = np.full(len(self.store), np.nan)
        labels[task.train.rows] = scaler.standardise(task.train.value)
        return torch.tensor(labels, dtype=torch.float32, device=self.store.device)

    def _held_out(self, part: Part, scaler: Scaler) -> tuple[Tensor, np.ndarray]:
        return self.rows(part), scaler.standardise(part.value)

    @staticmethod
    def rows(part: Part) -> Tensor:
        """Graph rows of a part."""
        return torch.tensor(np.asarray(part.rows), dtype=torch.int64)

    def batch(self, rows: Tensor) -> PairBatch:
        """The molecules of the given graph rows."""
        rows = rows.to(self.store.device)
        return PairBatch(self.store.batch(rows), self.target_labels[rows], self.source_labels[rows])


def epoch_batches(
    target: Tensor, source: Tensor | None, batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Rows of each step of an epoch: one pass over the target in near-equal parts, joined by as many source rows.

    Args:
        target: rows of the target's training part.
        source: rows of the source's, or None for a method without a source.
        batch_size: most target molecules in a step. Parts differ by at most one, so that no step is left with a
            molecule or two, which a batch normalisation would suffer from.
        generator: on the CPU, so that every device sees the same batches.
    """
    steps = -(-len(target) // batch_size)
    parts = target[torch.randperm(len(target), generator=generator)].tensor_split(steps)
    if source is None:
        yield from parts
        return
    wanted = len(target)
    passes = -(-wanted // len(source))
    shuffled = torch.cat([source[torch.randperm(len(source), generator=generator)] for _ in range(passes)])
    for mine, other in zip(parts, shuffled[:wanted].tensor_split(steps), strict=True):
        yield torch.cat([mine, other]).unique()
