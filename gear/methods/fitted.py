"""A method that a library fits at once instead of training it step by step; its trial is one epoch long."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.methods.base import Model
from gear.methods.pair_batch import PairBatch
from gear.space import Choice

__all__ = ["FittedMethod"]


class FittedMethod(Model):
    """A model whose buffers `fit` sets; its specification has `fits_at_once`.

    What it has learnt is in its buffers, whose shapes may depend on the training molecules.

    Raises:
        InputDataError: a setting has a value that the method does not know.
    """

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        for dimension in self.spec.space:
            name = dimension.path.removeprefix("settings.")
            if (value := config.settings.get(name)) is None:
                continue
            if isinstance(dimension, Choice):
                if not dimension.holds(value):
                    known = ", ".join(map(str, dimension.choices))
                    raise InputDataError(f"{dimension.path} must be one of {known}, got {value!r}")
            elif not 0 < value < math.inf:  # type: ignore[operator]
                raise InputDataError(f"{dimension.path} must be positive and finite, got {value}")

    @abstractmethod
    def fit(self, batch: PairBatch, seed: int) -> None:
        """Learn from all training molecules of the tasks, those of the sources only where `sees_sources`.

        Args:
            batch: the molecules, with their labels in the training parts.
            seed: of whatever is drawn at random.
        """

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:  # noqa: ANN401 - as PyTorch has it
        """Load buffers of any shape, which `check_state` checks; see `torch.nn.Module.load_state_dict`."""
        for place, module in self.named_modules():
            for name, buffer in module.named_buffers(recurse=False):
                stored = state_dict.get(f"{place}.{name}" if place else name)
                if stored is not None and stored.shape != buffer.shape:
                    setattr(module, name, buffer.new_empty(stored.shape))
        return super().load_state_dict(state_dict, strict, assign)
