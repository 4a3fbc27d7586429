"""Single-task learning: the target alone, with the same embedding, encoder and head. Did transfer help?"""

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.base import LossTerms, Method
from gear.methods.pair_batch import PairBatch
from gear.methods.stl import STL
from gear.model.branch import HeadedNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["SingleTask"]


class SingleTask(Method):
    """One network on the target's training part; no source molecule is seen."""

    spec = STL

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.network = HeadedNetwork(config.embedding, config.encoder)

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The regression term alone."""
        reg = batch.mse(self.network(batch.molecules))
        return LossTerms({"reg": reg}, reg.new_zeros(()))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Target predictions (B,), standardised."""
        prediction: Tensor = self.network(molecules)
        return prediction
