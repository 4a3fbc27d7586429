"""Exponential moving average of a model's weights; the averaged model is validated, kept and exported."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

__all__ = ["WeightAverage"]

M = TypeVar("M", bound=nn.Module)


class WeightAverage(Generic[M]):
    """A copy of a model with averaged weights. With decay 0 it has the weights of the model.

    The decay grows with the steps t, min(decay, (1 + t) / (10 + t)), so that the random start is soon forgotten.
    `torch.optim.swa_utils.AveragedModel` would copy the first step instead of averaging it, and an update of it takes
    three times as long.
    """

    def __init__(self, model: M, decay: float) -> None:
        self.model: M = copy.deepcopy(model).eval()
        self.decay = decay
        self.steps = 0
        # listed once, since iterating over the modules takes longer than the update
        self._weights: list[torch.Tensor] = list(self.model.parameters())
        self._buffers = list(self.model.buffers())

    @torch.no_grad()
    def update(self, model: M) -> None:
        """Average the weights with those of the model after an optimiser step; copy its buffers."""
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_(self._weights, list(model.parameters()), 1 - keep)
        if self._buffers:
            torch._foreach_copy_(self._buffers, list(model.buffers()))
