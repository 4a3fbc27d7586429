"""Single-task learning: the target alone, with the same embedding, encoder and head. Did transfer help?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.base import LossTerms
from gear.methods.joint import JointMethod
from gear.methods.pair_batch import PairBatch
from gear.methods.stl import STL
from gear.model.branch import HeadedNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["SingleTask"]


class SingleTask(JointMethod):
    """One network on the target's training part; no source molecule is seen."""

    spec = STL

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.network = HeadedNetwork(config.embedding, config.encoder)

    def joint_terms(self, batch: PairBatch, step: int, generators: Sequence[torch.Generator]) -> LossTerms:
        """The regression term alone."""
        predicted = self.network.heads[0](self.network.latent(batch.molecules, batch.real))
        reg = batch.joint_mse(predicted.view(1, self.members, 1, -1)).view(self.members)
        return LossTerms({"reg": reg}, torch.zeros_like(reg))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Target predictions (B,), standardised; of merged models (M, B)."""
        prediction: Tensor = self.network(molecules)
        return prediction
