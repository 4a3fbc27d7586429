"""What a pair of tasks is under one split: parts, molecules, packed graphs."""

from dataclasses import dataclass

import numpy as np

from gear.config import TaskSpec
from gear.data.builtin.properties import get_property
from gear.data.molecules.pack import PackedGraphs
from gear.data.points import PairPoints
from gear.data.texts import Texts

__all__ = ["PairData", "Part", "Strings", "TaskData", "described_task"]

Strings = np.ndarray | Texts  # str objects; of the sources of a large pair decoded when they are asked for


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Molecules of one part of a task; in a pair with feature columns data points, a molecule's side by side."""

    smiles: Strings  # (N,)
    value: np.ndarray  # (N,) float64, in the task's unit, not transformed
    rows: np.ndarray  # (N,) int64, of the pair's molecules or data points

    def at(self, places: np.ndarray | slice) -> "Part":
        """Those at some places of it."""
        return Part(self.smiles[places], self.value[places], self.rows[places])


@dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """One task of a pair. If `log10`, models learn the logarithm. The test part of a source is empty.

    `bounds` (R,), for all R rows of the pair, says which training values are learnt as bounds: the truth is at most
    (-1) or at least (1) the value; 0 elsewhere. None if all values are learnt as they are. `censored` counts the values
    that are only bounds: those of the training part or, where these were dropped, of the whole table.
    """

    property: str
    name: str
    unit: str
    log10: bool
    train: Part
    validation: Part
    test: Part
    bounds: np.ndarray | None = None
    censored: int = 0

    def parts(self) -> tuple[Part, Part, Part]:
        """Training, validation and test part."""
        return self.train, self.validation, self.test


@dataclass(frozen=True, slots=True, eq=False)
class PairData:
    """A target and its sources under one split, and all their M molecules, each once.

    `split_hash` identifies which molecule is in which part, `data_hash` the molecules and their values. `points` are
    the data points, where the target has feature columns.
    """

    id: str
    split: str
    seed: int
    target: TaskData
    sources: tuple[TaskData, ...]
    smiles: Strings  # (M,)
    graphs: PackedGraphs  # of the M molecules
    split_hash: str
    data_hash: str
    points: PairPoints | None = None

    @property
    def rows(self) -> int:
        """How many molecules or, where the target has feature columns, data points there are."""
        return len(self.smiles) if self.points is None else len(self.points.molecule)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the target's feature columns."""
        return () if self.points is None else self.points.names

    def features_of(self, part: Part) -> dict[str, np.ndarray]:
        """The feature columns of a part's data points, (N,) each, by name; NaN where one is not known."""
        return {} if self.points is None else dict(zip(self.features, self.points.columns[part.rows].T, strict=True))


def described_task(task: TaskSpec) -> tuple[str, str, bool]:
    """Name, unit and transform of a task."""
    if task.file is not None:
        return task.column or task.property, task.unit, task.log10
    spec = get_property(task.property)
    return spec.name, spec.unit, spec.log10
