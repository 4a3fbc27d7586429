"""Transfer by fine-tuning: the network is trained on the source first, then on the target with a head of its own.

The two usual forms (Yosinski et al., NeurIPS 2014): all weights are retrained, or the head alone on frozen features.

Decided here: `training.source_epochs` passes over the source at the same learning rate; what is handed over is the
moving average of the source's weights; several sources are trained at once, a head each; frozen means that the
normalisation of the latent space keeps the source's statistics too.
"""

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.base import LossTerms, Method
from gear.methods.finetune import FINETUNE_ALL, FINETUNE_HEAD
from gear.methods.pair_batch import PairBatch
from gear.model.branch import HeadedNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["FinetuneAll", "FinetuneHead"]


class FinetuneAll(Method):
    """Every weight of the trained source network is trained on, with a new head."""

    spec = FINETUNE_ALL
    one_embedding = True

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.network = HeadedNetwork(config.embedding, config.encoder, heads=1 + sources)

    @property
    def begins_with_sources(self) -> bool:
        """Always."""
        return True

    def source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Regression of the sources."""
        z = self.network.latent(batch.molecules)
        return {"reg": self.sources_mse([head(z) for head in self.network.heads[1:]], batch)}

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """Regression of the target."""
        reg = batch.mse(self.network.heads[0](self._features(batch.molecules)))
        return LossTerms({"reg": reg}, reg.new_zeros(()))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Target predictions (B,), standardised."""
        prediction: Tensor = self.network(molecules)
        return prediction

    def _features(self, molecules: MoleculeBatch) -> Tensor:
        return self.network.latent(molecules)


class FinetuneHead(FinetuneAll):
    """The trained source network is frozen; only the new head is trained."""

    spec = FINETUNE_HEAD

    def _features(self, molecules: MoleculeBatch) -> Tensor:
        self.network.embedding.eval()
        self.network.encoder.eval()
        with torch.no_grad():
            return self.network.latent(molecules)
