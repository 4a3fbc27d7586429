"""The molecules of one task with their values, the input of splits and training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gear.data.cache import cache_folder, cached
from gear.data.molecules.featurize import featurize
from gear.data.molecules.pack import PackedGraphs, open_pack, write_pack

__all__ = ["PARTS", "DataPoints", "TaskTable", "packed"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class DataPoints:
    """P labels of a task with F feature columns, a molecule's side by side: one for each of its sets of features.

    Attributes:
        molecule: (P,) int64, ascending, the row of the molecule in the task's table.
        value: (P,) float64, in the task's unit, not transformed.
        columns: (P, F) float64, the features; NaN where one is not known.
        bound: (P,) int8, see `TaskTable`.
    """

    molecule: np.ndarray
    value: np.ndarray
    columns: np.ndarray
    bound: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TaskTable:
    """N distinct molecules, sorted by SMILES.

    Attributes:
        smiles: (N,) canonical, without stereo and isotopes.
        value: (N,) float64, in the task's unit, not transformed; the median where a molecule has several data points.
        parent: (N,) SMILES of the parent.
        organics: (N,) SMILES of all organic fragments, joined by dots.
        scaffold: (N,) scaffold group of the parent.
        key: (N,) shared by all forms of the parent (`gear.data.molecules.forms`); a split never separates them.
        keys: (N,) of all organic fragments, joined by dots; no source trains on a key that the target is validated or
            tested on.
        part: (N,) one of PARTS, from a column of the user's file; None if there is no such column.
        graphs: packed graphs of these molecules, and possibly of others.
        rows: (N,) int64, index of each molecule in `graphs`.
        facts: counts of cleaning, to be shown.
        points: what models learn, where the task has feature columns; else a molecule has one label, its value.
        bound: (N,) int8, 0 where a value is exact; where it is censored, the truth is at most (-1) or at least (1) the
            value. None if all are exact, or if there are `points`.
    """

    smiles: np.ndarray
    value: np.ndarray
    parent: np.ndarray
    organics: np.ndarray
    scaffold: np.ndarray
    key: np.ndarray
    keys: np.ndarray
    part: np.ndarray | None
    graphs: PackedGraphs
    rows: np.ndarray
    facts: Mapping[str, int | float | str]
    points: DataPoints | None = None
    bound: np.ndarray | None = None


def packed(smiles: list[str], key: str) -> PackedGraphs:
    """The graphs of these molecules, featurised at the first call and memory-mapped after that.

    Args:
        smiles: canonical.
        key: identifies these molecules; names the file in the cache.

    Raises:
        StorageError: the cache cannot be written.
    """
    path = cache_folder() / "packs" / f"{key}.arrow"
    return cached(path, open_pack, lambda: write_pack(path, featurize(smiles)))
