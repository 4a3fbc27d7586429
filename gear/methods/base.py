"""What every method provides; the loop, data, seeds, checkpoints and evaluation are shared."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from gear.batching import PairBatch
from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.model.graphs import GraphBatch

__all__ = ["LossTerms", "Method"]


class LossTerms(NamedTuple):
    """Loss of a batch by term, unweighted, and the share of molecules whose metric was near singular."""

    terms: dict[str, Tensor]
    failed_share: Tensor


class Method(nn.Module, ABC):
    """A model with its losses.

    `uses_source` says whether batches hold source molecules. `notes` are sentences the user should read once.
    """

    uses_source: ClassVar[bool]

    def __init__(self, config: TrialConfig) -> None:
        super().__init__()
        self.config = config
        self.notes: tuple[str, ...] = ()

    @abstractmethod
    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """Terms of a batch; a term that is not evaluated at this step is left out.

        Args:
            batch: molecules of both tasks.
            step: of the whole training, from 0.
            generator: on the CPU, the only randomness beside dropout.
        """

    @abstractmethod
    def predict(self, graph: GraphBatch) -> Tensor:
        """Target predictions (B,), standardised."""

    def predict_source(self, graph: GraphBatch) -> Tensor:
        """Source predictions (B,), standardised; only where `uses_source`."""
        raise NotImplementedError

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        return sum((self.weight(name) * term for name, term in terms.items() if name != "reg"), start=terms["reg"])

    def weight(self, term: str) -> float:
        """Of a loss term beside the regression, which has weight 1."""
        return float(getattr(self.config.weights, term))

    def describe(self, graph: GraphBatch) -> dict[str, float]:
        """Numbers that describe the latent spaces at some molecules, for `EpochResult.geometry`."""
        return {}

    def warm_start_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Loss of a batch while the source is trained alone.

        Raises:
            InputDataError: the method has no warm start.
        """
        raise InputDataError(
            f"method {self.config.method} has no source to start from: set training.warm_start_epochs to 0"
        )

    def finish_warm_start(self) -> None:
        """Copy what the source has learnt to the target."""
        raise NotImplementedError
