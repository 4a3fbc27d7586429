"""What a step trains a method on: molecules of all tasks of a pair with their labels."""

from typing import NamedTuple

from torch import Tensor

from gear.methods.losses import labelled_mse
from gear.model.molecules import MoleculeBatch

__all__ = ["PairBatch"]


class PairBatch(NamedTuple):
    """Distinct molecules of all tasks with their labels in the training parts; NaN where a task has none.

    Task 0 is the target, the sources follow.
    """

    molecules: MoleculeBatch
    labels: Tensor  # (B, T) standardised, one column for each task
    bounds: Tensor | None = None  # (B, T) of labels that are learnt as bounds, see `mse`; None if all are exact

    @property
    def target(self) -> Tensor:
        """Labels of the target (B,)."""
        return self.labels[:, 0]

    def mse(self, prediction: Tensor, task: int = 0) -> Tensor:
        """Regression loss of predictions (B,) of a task, `labelled_mse`, which knows which labels are bounds."""
        return labelled_mse(prediction, self.labels[:, task], None if self.bounds is None else self.bounds[:, task])
