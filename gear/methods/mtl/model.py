"""Multi-task learning with hard parameter sharing (Caruana, Machine Learning 1997, 28, 41): one body, a head a task.

Decided here: embedding and encoder are shared, so all tasks read one latent space; the source's loss has a weight,
`weights.source`, which the search tunes as it tunes GEAR's.
"""

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.base import LossTerms, Method
from gear.methods.mtl import MTL
from gear.methods.pair_batch import PairBatch
from gear.model.branch import HeadedNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["MultiTask"]


class MultiTask(Method):
    """One network for all tasks, trained on all of them at once."""

    spec = MTL
    sees_sources = True
    one_embedding = True

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.network = HeadedNetwork(config.embedding, config.encoder, heads=1 + sources)

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The target's regression and, weighted, the sources'."""
        z = self.network.latent(batch.molecules)
        target, *sources = (head(z) for head in self.network.heads)
        terms = {"reg": batch.mse(target)}
        if self.config.weights.source > 0:
            terms["source"] = self.sources_mse(sources, batch)
        return LossTerms(terms, terms["reg"].new_zeros(()))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Predictions of a task (B,), standardised."""
        prediction: Tensor = self.network(molecules, task)
        return prediction
