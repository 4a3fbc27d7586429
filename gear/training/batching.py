"""A pair's data as training sees it: standardised labels by molecule, and the batches of an epoch."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.config import EmbeddingKind
from gear.data.molecules.fingerprint import packed_fingerprints
from gear.data.pairs import PairData, Part, TaskData
from gear.device import send
from gear.label_scaler import Scaler
from gear.model.molecules import MoleculeBatch, MoleculeStore

__all__ = ["PairBatch", "TrainingData", "epoch_batches"]


class PairBatch(NamedTuple):
    """Molecules of all tasks, each once, with the labels that the training parts know of (NaN: unknown).

    Task 0 is the target, the sources follow.
    """

    molecules: MoleculeBatch
    labels: Tensor  # (B, T) standardised, a column a task

    @property
    def target(self) -> Tensor:
        """Labels of the target (B,)."""
        return self.labels[:, 0]


class HeldOut(NamedTuple):
    """Molecules that a task is validated on."""

    rows: Tensor  # (V,) on the CPU
    labels: Tensor  # (V,) float64, standardised


class TrainingData:
    """Everything of a pair that the loop touches, on the device. Lists run over the tasks, the target first.

    A label is known to training only if its molecule is in that task's training part; a molecule that several tasks
    train on carries the labels of each.

    Args:
        pair: its data.
        kinds: of the embeddings that will read the molecules.
        device: where batches live.
    """

    def __init__(self, pair: PairData, kinds: Collection[EmbeddingKind], device: torch.device) -> None:
        tasks = (pair.target, *pair.sources)
        self.store = MoleculeStore(
            device,
            graphs=pair.graphs if "dmpnn" in kinds else None,
            fingerprints=packed_fingerprints(pair.smiles) if "fingerprint" in kinds else None,
            smiles=list(pair.smiles) if "text" in kinds else None,
        )
        self.scalers = [Scaler.fit(task.train.value, task.log10) for task in tasks]
        self.train_rows = [self.rows(task.train) for task in tasks]
        self.labels = self._labels(len(pair.smiles), tasks).to(device)
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
    def rows(part: Part) -> Tensor:
        """Molecules of a part (N,), on the CPU."""
        return torch.tensor(np.asarray(part.rows), dtype=torch.int64)

    def batch(self, rows: Tensor) -> PairBatch:
        """The molecules `rows` (B,), given on the CPU."""
        return PairBatch(self.store.batch(rows), self.labels[send(rows, self.labels.device)])


def epoch_batches(
    target: Tensor, sources: Sequence[Tensor], batch_size: int, generator: torch.Generator, least_steps: int = 1
) -> Iterator[Tensor]:
    """Rows of each step of an epoch: whole passes over the target, each joined by as many source rows.

    Several sources share the source rows evenly, so a step costs the same whatever their number.

    Args:
        target: rows of the target's training part.
        sources: rows of each source's; none for a method that sees the target alone.
        batch_size: most target molecules in a step. Parts differ by at most one, so that no step is left with a
            molecule or two, which a batch normalisation would suffer from.
        generator: on the CPU, so that every device sees the same batches.
        least_steps: passes are repeated until an epoch has this many steps.
    """
    steps = -(-len(target) // batch_size)
    for _ in range(-(-least_steps // steps)):
        yield from _pass(target, sources, steps, generator)


def _pass(target: Tensor, sources: Sequence[Tensor], steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One pass over the target in near-equal parts, joined by as many source rows."""
    parts = [target[torch.randperm(len(target), generator=generator)].tensor_split(steps)]
    for index, source in enumerate(sources):
        wanted = (len(target) + index) // len(sources)
        passes = -(-wanted // len(source))
        shuffled = torch.cat([source[torch.randperm(len(source), generator=generator)] for _ in range(passes)])
        parts.append(shuffled[:wanted].tensor_split(steps))
    for rows in zip(*parts, strict=True):
        yield torch.cat(rows).unique() if sources else rows[0]
