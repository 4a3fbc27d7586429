"""The errors of models on their validation parts, of several models that are trained as one at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gear.methods.base import Model
from gear.model.molecules import MoleculeBatch
from gear.training.batching import TrainingData

__all__ = ["Validation", "predict_rows", "validation_losses"]

AT_ONCE = 512  # molecules that are predicted together
KEPT = 4096  # molecules of a part whose batches are kept from epoch to epoch


class Validation:
    """The validation parts of M runs, whose batches are gathered once.

    Args:
        data: of each run.
        sees_sources: whether the models predict the sources too.
    """

    def __init__(self, data: Sequence[TrainingData], *, sees_sources: bool) -> None:
        self.data = list(data)
        self.tasks = range(len(data[0].validation) if sees_sources else 1)
        self._batches: dict[tuple[int, int], MoleculeBatch] = {}

    @torch.no_grad()
    def losses(self, model: Model) -> list[dict[str, float]]:
        """MSE on the target of every run's model, and its mean on the sources if it predicts them.

        Args:
            model: the models as one, in evaluation mode.
        """
        found = []
        for task in self.tasks:
            predicted = self._predictions(model, task)
            labels = [data.validation[task].labels for data in self.data]
            errors = [(one - known).square().mean() for one, known in zip(predicted, labels, strict=True)]
            found.append(torch.stack(errors))
        by_run = torch.stack(found, 1).tolist()
        return [_named(errors) for errors in by_run]

    def _predictions(self, model: Model, task: int) -> list[Tensor]:
        """Standardised predictions (V,) float64 of a task by every run."""
        rows = [data.validation[task].rows for data in self.data]
        parts: list[list[Tensor]] = [[] for _ in rows]
        for first in range(0, max(map(len, rows)), AT_ONCE):
            sizes = [max(min(len(part) - first, AT_ONCE), 0) for part in rows]
            batch = self._batch(rows, task, first)
            predicted = model.predict(batch, task).view(len(rows), -1)
            for own, values, size in zip(parts, predicted, sizes, strict=True):
                own.append(values[:size])
        return [torch.cat(own).double() if own else torch.empty(0, dtype=torch.float64) for own in parts]

    def _batch(self, rows: Sequence[Tensor], task: int, first: int) -> MoleculeBatch:
        if (task, first) not in self._batches:
            # a part that has ended lends its first molecule, which does not count
            chosen = [part[first : first + AT_ONCE] if len(part) > first else part[:1] for part in rows]
            batch = self.data[0].store.batch(*chosen)
            if max(map(len, rows)) > KEPT:
                return batch
            self._batches[task, first] = batch
        return self._batches[task, first]


def _named(errors: Sequence[float]) -> dict[str, float]:
    target, *sources = errors
    return {"target": target} | ({"source": sum(sources) / len(sources)} if sources else {})


def validation_losses(model: Model, data: TrainingData) -> dict[str, float]:
    """MSE of a model on the target's validation part, and its mean MSE on those of the sources if it predicts them."""
    return Validation([data], sees_sources=model.sees_sources).losses(model.eval())[0]


@torch.no_grad()
def predict_rows(model: Model, data: TrainingData, rows: Tensor, task: int = 0, batch_size: int = AT_ONCE) -> Tensor:
    """Standardised predictions (B,), float64 on the device, of a model in evaluation mode for molecules `rows` (B,)."""
    model.eval()
    parts = [model.predict(data.store.batch(part), task) for part in rows.split(batch_size)]
    return torch.cat(parts).double() if len(rows) else torch.empty(0, dtype=torch.float64)
