"""The data of a pair in the form that training uses: standardised labels by molecule, the batches of an epoch."""

import functools
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.data.fewer import drawn_places
from gear.data.pairs import PairData, Part, TaskData
from gear.device import send
from gear.embeddings import prepare
from gear.label_scaler import Scaler
from gear.methods.pair_batch import PairBatch
from gear.model.molecules import MoleculeStore

__all__ = ["TrainingData", "epoch_batches"]

VALIDATED = 4096  # molecules of a source that are predicted after an epoch, at most
SCALED_BY = 100_000  # molecules that the inputs of a model are scaled by, at most
SHUFFLED = 100_000  # molecules of a source of which a pass shuffles all; of a larger one it draws those that it reads


class HeldOut(NamedTuple):
    """Molecules that a task is validated on."""

    rows: Tensor  # (V,) on the CPU
    labels: Tensor  # (V,) float64, standardised


class TrainingData:
    """The data of a pair that the training loop uses, on the device. Lists run over the tasks, the target first.

    A molecule has the label of a task only if it is in the task's training part; a molecule in the training parts of
    several tasks has several labels. In a pair with feature columns this holds for data points instead of molecules. Of
    a source's validation part at most `VALIDATED` molecules are predicted, drawn by the seed of the split; `notes` has
    a sentence for each source of which that is so.

    Args:
        pair: its data.
        kinds: kinds of the embeddings that read the molecules.
        device: device of the batches.
        store: the pair's molecules there, if they are there already.
    """

    def __init__(
        self, pair: PairData, kinds: Collection[str], device: torch.device, store: MoleculeStore | None = None
    ) -> None:
        self.target = pair.target
        tasks = (pair.target, *pair.sources)
        points = () if pair.points is None else (pair.points.columns, pair.points.molecule)
        self.store = store or MoleculeStore(prepare(kinds, pair), device, *points)
        self.scalers = [Scaler.fit(task.train.value, task.log10) for task in tasks]
        self.train_rows = [self.rows(task.train) for task in tasks]
        self.labels = self._labels(pair.rows, tasks).to(device)
        bounds = self._bounds(pair.rows, tasks)
        self.bounds = None if bounds is None else bounds.to(device)
        self.seed, self.notes = pair.seed, tuple(_sampled(task) for task in pair.sources if _is_sampled(task))
        parts = [pair.target.validation, *(_validated(source, pair.seed) for source in pair.sources)]
        self.validation = [
            HeldOut(self.rows(part), torch.from_numpy(scaler.standardise(part.value)).to(device))
            for part, scaler in zip(parts, self.scalers, strict=True)
        ]

    def _labels(self, molecules: int, tasks: Sequence[TaskData]) -> Tensor:
        labels = np.full((molecules, len(tasks)), np.nan, np.float32)
        for column, (task, scaler) in enumerate(zip(tasks, self.scalers, strict=True)):
            labels[task.train.rows, column] = scaler.standardise(task.train.value)
        return torch.from_numpy(labels)

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

    @functools.cached_property
    def source_rows(self) -> Tensor:
        """Distinct molecules (B,) of the training parts of all sources."""
        rows: Tensor = torch.cat(self.train_rows[1:]).unique()
        return rows

    def scaling_rows(self, *, with_sources: bool) -> Tensor:
        """At most `SCALED_BY` of the learnt rows, drawn by the seed of the split."""
        rows = self.learnt_rows(with_sources=with_sources)
        return rows[torch.from_numpy(drawn_places(len(rows), SCALED_BY, self.seed))]

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
        batch_size: maximum number of target molecules in a step. The sizes of steps differ by at most one, so that none
            is much smaller than the others; one of a single molecule, which is too few for a batch normalisation, is
            joined with another.
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
        parts.append(_some(source, wanted, generator).tensor_split(steps))
    yield from _joined([torch.cat(rows).unique() if sources else rows[0] for rows in zip(*parts, strict=True)])


def _joined(steps: Sequence[Tensor]) -> list[Tensor]:
    """The rows of steps, those of a single molecule with those of the next step, the last one with the one before."""
    found = list(steps[:1])
    for rows in steps[1:]:
        if len(found[-1]) == 1:
            found[-1] = torch.cat([found[-1], rows]).unique()
        else:
            found.append(rows)
    if len(found) > 1 and len(found[-1]) == 1:
        found[-2:] = [torch.cat(found[-2:]).unique()]
    return found


def _some(source: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
    """So many rows of a source in random order, each once where there are enough, else about equally often."""
    if len(source) > max(SHUFFLED, wanted):
        seed = int(torch.randint(2**62, (1,), generator=generator))
        return source[torch.from_numpy(np.random.default_rng(seed).choice(len(source), wanted, replace=False))]
    passes = max(1, -(-wanted // len(source)))
    shuffled = torch.cat([source[torch.randperm(len(source), generator=generator)] for _ in range(passes)])
    return shuffled[:wanted]


def _is_sampled(source: TaskData) -> bool:
    return len(source.validation.rows) > VALIDATED


def _sampled(source: TaskData) -> str:
    of_all = f"{VALIDATED:,} of its {len(source.validation.rows):,} validation molecules"
    return f"the error on source {source.property} is that on {of_all}, drawn by the seed of the split"


def _validated(source: TaskData, seed: int) -> Part:
    """The molecules that a source is validated on; those SMILES are not read."""
    whole = source.validation
    places = drawn_places(len(whole.rows), VALIDATED, seed) if _is_sampled(source) else slice(None)
    return Part(whole.smiles[:0], whole.value[places], whole.rows[places])
