"""What a step trains a method on: molecules of all tasks of a pair with their labels."""

from typing import NamedTuple

from torch import Tensor

from gear.model.molecules import MoleculeBatch

__all__ = ["PairBatch"]


class PairBatch(NamedTuple):
    """Distinct molecules of all tasks with their labels in the training parts; NaN where a task has none.

    Task 0 is the target, the sources follow.
    """

    molecules: MoleculeBatch
    labels: Tensor  # (B, T) standardised, one column for each task

    @property
    def target(self) -> Tensor:
        """Labels of the target (B,)."""
        return self.labels[:, 0]
