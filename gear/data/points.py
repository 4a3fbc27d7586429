"""Data points of a pair whose target has feature columns: a molecule occurs once for each of its sets of features.

Splits are of molecules, so all data points of a molecule are in one part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gear.config import PairSpec
from gear.data.distinct import distinct_points
from gear.data.splits.split import Assignment
from gear.data.task import DataPoints, TaskTable

__all__ = ["Labels", "PairPoints", "at_points", "points_of", "unknown_features"]


@dataclass(frozen=True, slots=True, eq=False)
class PairPoints:
    """The P distinct data points of a pair's tasks.

    Attributes:
        names: (F,) of the feature columns, in the target's order.
        molecule: (P,) int64, of the pair's molecules.
        columns: (P, F) float64, the features; NaN where one is not known.
    """

    names: tuple[str, ...]
    molecule: np.ndarray
    columns: np.ndarray


class Labels(NamedTuple):
    """What a task has labels of: molecules or, in a pair with feature columns, data points; L in all."""

    smiles: np.ndarray  # (L,) str objects
    value: np.ndarray  # (L,) float64, in the task's unit, not transformed
    rows: np.ndarray  # (L,) int64, of the pair's molecules or data points
    bound: np.ndarray | None = None  # (L,) int8, see `gear.data.task.TaskTable`


def points_of(
    spec: PairSpec, tables: Sequence[TaskTable], places: Sequence[np.ndarray]
) -> tuple[PairPoints, list[Labels]]:
    """The data points of a pair, and the labels of each of its tasks.

    Args:
        spec: the pair; its target has feature columns.
        tables: the molecules (N,) of each task, the target first.
        places: (N,) their numbers among the pair's molecules.
    """
    names = spec.target.features
    found = [
        _completed(table, task.features, names)
        for task, table in zip((spec.target, *spec.sources), tables, strict=True)
    ]
    molecule = np.concatenate([place[points.molecule] for points, place in zip(found, places, strict=True)])
    columns = np.concatenate([points.columns for points in found])
    first, rows = distinct_points(molecule, columns)
    ends = np.cumsum([len(points.value) for points in found])[:-1]
    labels = [
        Labels(table.smiles[points.molecule], points.value, of_task, points.bound)
        for table, points, of_task in zip(tables, found, np.split(rows, ends), strict=True)
    ]
    return PairPoints(names, molecule[first], columns[first]), labels


def at_points(assigned: Assignment, table: TaskTable) -> Assignment:
    """The data points of the molecules in each part; a table without features has one for each molecule."""
    if table.points is None:
        return assigned
    molecule = table.points.molecule
    return Assignment(*(np.flatnonzero(np.isin(molecule, rows)).tolist() for rows in assigned))


def unknown_features(spec: PairSpec) -> list[str]:
    """A sentence for each source of whose molecules some features are not known."""
    lacking = {
        source.property: [name for name in spec.target.features if name not in source.features]
        for source in spec.sources
    }
    return [
        f"{spec.id}: source {name} has no {', '.join(missing)}: its molecules are read at the mean of the others"
        for name, missing in lacking.items()
        if missing
    ]


def _completed(table: TaskTable, has: Sequence[str], names: Sequence[str]) -> DataPoints:
    """The data points of a task with all features of the target, NaN where the task has none."""
    without = np.empty((len(table.smiles), 0))
    points = table.points or DataPoints(np.arange(len(table.smiles)), table.value, without, table.bound)
    columns = np.full((len(points.value), len(names)), np.nan)
    for index, name in enumerate(has):
        columns[:, names.index(name)] = points.columns[:, index]
    return DataPoints(points.molecule, points.value, columns, points.bound)
