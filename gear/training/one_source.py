"""The validation folds of a trial begin with one model of the sources: it is trained once, not for every fold.

It reads the source molecules that no fold holds out, so no fold is validated on a molecule that its model has seen.
With few labels that is nearly all that a fold would read by itself; where it is not, every fold trains on its own.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gear.training.checkpoint import load_module, module_tensors

if TYPE_CHECKING:
    from gear.training.loop import TrainingRun

__all__ = ["changed", "share_sources", "take_over"]

LEAST = 0.9  # of the source molecules that a fold would read by itself, to share a training


def share_sources(folds: Sequence["TrainingRun"]) -> None:
    """Let the first of a trial's folds train on the sources in place of all, where they begin with them."""
    first, *others = folds
    if not others or not first.model.begins_with_sources:
        return
    rows = [run.source_rows.numpy() for run in folds]
    common = functools.reduce(np.intersect1d, rows)
    if len(common) < LEAST * max(map(len, rows)):
        return
    first.source_rows = torch.from_numpy(common)
    for other in others:
        other.source_run = first


def changed(model: torch.nn.Module, before: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies of the tensors of a model's state that differ from what they were before."""
    return {name: t.clone() for name, t in module_tensors(model, "").items() if not torch.equal(t, before[name])}


def take_over(run: "TrainingRun") -> None:
    """Give a run what the training on the sources has changed in the model of its `source_run`."""
    assert run.source_run is not None
    for model in (run.model, run.average):
        load_module(model, module_tensors(model, "") | run.source_run.learnt, "")
