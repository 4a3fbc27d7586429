"""Single-task learning: the target alone, with the same embedding, encoder and head. Did transfer help?"""

import torch
from torch import Tensor

from gear.batching import PairBatch
from gear.config import TrialConfig
from gear.losses import labelled_mse
from gear.methods.base import LossTerms, Method
from gear.model.branch import SingleTaskNetwork
from gear.model.graphs import GraphBatch

__all__ = ["SingleTask"]


class SingleTask(Method):
    """One network on the target's training part; no source molecule is seen."""

    uses_source = False

    def __init__(self, config: TrialConfig) -> None:
        super().__init__(config)
        self.target = SingleTaskNetwork(config.embedding, config.encoder)

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The regression term alone."""
        reg = labelled_mse(self.target(batch.graph), batch.target)
        return LossTerms({"reg": reg}, torch.zeros(()))

    def predict(self, graph: GraphBatch) -> Tensor:
        """Target predictions (B,), standardised."""
        prediction: Tensor = self.target(graph)
        return prediction
