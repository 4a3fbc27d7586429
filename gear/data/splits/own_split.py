"""A user's own split: a function from a task's table to the part, or to the group, of each of its molecules."""

from collections.abc import Sequence

import numpy as np

from gear.data.task import PARTS, TaskTable
from gear.errors import InputDataError
from gear.plugins import load_object

__all__ = ["names_parts", "own_labels"]


def own_labels(path: str, task: TaskTable) -> np.ndarray:
    """Part or group (N,) of each molecule, as the function at an import path names it.

    All forms of one molecule get the label of the first of them, so that no split separates them.

    Raises:
        InputDataError: there is no such function, or it does not return a label for each molecule.
    """
    function = load_object(path, "split")
    if not callable(function):
        raise InputDataError(f"split '{path}' is not a function: see docs/plugins/split.md")
    labels: Sequence[object] = list(function(task))
    if len(labels) != len(task.smiles):
        raise InputDataError(f"split '{path}' returns {len(labels)} labels for {len(task.smiles)} molecules")
    first: dict[str, str] = {}
    for row in np.argsort(task.smiles):
        first.setdefault(task.key[row], str(labels[row]))
    return np.array([first[key] for key in task.key], dtype=object)


def names_parts(labels: np.ndarray, path: str) -> bool:
    """Whether labels are parts, not groups.

    Raises:
        InputDataError: some are and some are not.
    """
    others = sorted(set(labels) - set(PARTS))
    if others and len(others) < len(set(labels)):
        raise InputDataError(f"split '{path}' names parts and '{others[0]}': parts are {', '.join(PARTS)}")
    return not others
