"""Methods whose models can be computed as one: several of one structure, each on molecules and labels of its own.

What a loss term says of M models is one tensor (M,), so that one operation serves all of them. A single model is an
array of one.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.base import LossTerms, Method
from gear.methods.pair_batch import PairBatch

__all__ = ["JointMethod"]


class JointMethod(Method):
    """A method whose models can be merged (`gear.grouped.merge`) and then give the terms of all.

    Attributes:
        members: how many models are merged in this one, M.
        generators: what each member draws from on its device, besides the generator of its batches; None is PyTorch's.
    """

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.members = 1
        self.generators: Sequence[torch.Generator] | None = None

    @abstractmethod
    def joint_terms(self, batch: PairBatch, step: int, generators: Sequence[torch.Generator]) -> LossTerms:
        """As `loss_terms`, for all members: terms (M,)."""

    def joint_source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """As `source_terms`, for all members: terms (M,)."""
        raise NotImplementedError

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The terms of the only member."""
        found = self.joint_terms(batch, step, [generator])
        return LossTerms({name: term.view(()) for name, term in found.terms.items()}, found.failed_share.view(()))

    def source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """The source terms of the only member."""
        return {name: term.view(()) for name, term in self.joint_source_terms(batch).items()}
