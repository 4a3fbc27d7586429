"""Support vectors with the settings that nobody tuned: the reference of every study, and the probe of sources."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gear.methods.classical import UNTUNED
from gear.methods.classical.inputs import InputBlock
from gear.methods.classical.regressor import drawn
from gear.methods.classical.support_vectors import SupportVectors

__all__ = ["untuned_predictions"]


def untuned_predictions(known: Sequence[Tensor], labels: Tensor, asked: Sequence[Tensor]) -> Tensor:
    """Predictions (M,) of a machine that learns from labels (N,), or from as many of them as it can.

    Args:
        known: blocks of inputs (N, D) of the molecules with a label: descriptors, then a user's columns if any.
        labels: theirs, float64.
        asked: the same blocks (M, D) of the molecules to predict.
    """
    machine = SupportVectors(**UNTUNED)
    some = drawn(torch.arange(len(labels)), machine.max_labels, seed=0)
    learnt, answered = [], []
    for index, (of_known, of_asked) in enumerate(zip(known, asked, strict=True)):
        is_columns = index > 0
        block = InputBlock(of_known.shape[1], log_modulus=not is_columns, any_unit=is_columns)
        block.fit(of_known[some])
        learnt.append(block(of_known[some]))
        answered.append(block(of_asked))
    machine.fit(torch.cat(learnt, 1), labels[some])
    predicted: Tensor = machine(torch.cat(answered, 1))
    return predicted
