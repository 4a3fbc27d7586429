"""What a step trains a method on: molecules of all tasks of a pair with their labels."""

from typing import NamedTuple

from torch import Tensor

from gear.methods.losses import labelled_mse
from gear.model.molecules import MoleculeBatch

__all__ = ["PairBatch"]


class PairBatch(NamedTuple):
    """Distinct molecules of all tasks with their labels in the training parts; NaN where a task has none.

    Task 0 is the target, the sources follow. Of M models that are computed as one, each with molecules of its own,
    shapes have a leading dimension M; those with fewer than B molecules are filled up, which `real` tells.
    """

    molecules: MoleculeBatch
    labels: Tensor  # (B, T) standardised, one column for each task
    bounds: Tensor | None = None  # (B, T) of labels that are learnt as bounds, see `mse`; None if all are exact
    counts: tuple[int, ...] = ()  # how many molecules each of several models has
    real: Tensor | None = None  # (M, B) which are molecules; None if all are

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many molecules each model has."""
        return self.counts or (len(self.labels),)

    @property
    def target(self) -> Tensor:
        """Labels of the target (B,)."""
        return self.labels[..., 0]

    def mse(self, prediction: Tensor, task: int = 0) -> Tensor:
        """Regression loss of predictions (B,) of a task, `labelled_mse`, which knows which labels are bounds."""
        return labelled_mse(prediction, self.labels[:, task], None if self.bounds is None else self.bounds[:, task])

    def joint_mse(self, predictions: Tensor, first: int = 0) -> Tensor:
        """Regression losses (S, M, W) of all models and S tasks.

        Args:
            predictions: (S, M, W, B), in W ways each.
            first: the first of the tasks; the others follow.
        """
        tasks = slice(first, first + len(predictions))
        bounds = None if self.bounds is None else self._by_task(self.bounds)[tasks]
        return labelled_mse(predictions, self._by_task(self.labels)[tasks], bounds)

    def _by_task(self, columns: Tensor) -> Tensor:
        """Columns of the tasks as (T, M, 1, B)."""
        return columns.movedim(-1, 0).reshape(columns.shape[-1], len(self.sizes), 1, -1)
