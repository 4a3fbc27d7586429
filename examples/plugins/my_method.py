"""A method of one's own: the source's trained model, and a correction that is learnt for the target.

The prediction is a linear function of what the source's model predicts, plus the output of a network. A penalty on that
output makes the target rely on the source as far as the labels allow (delta learning, Ramakrishnan et al., 2015,
doi:10.1021/acs.jctc.5b00099, with a learnt source in the place of a cheap calculation).

    gear-search run --methods my_method:Corrected stl
"""

import torch
from torch import Tensor, nn

from gear.config import TrialConfig
from gear.methods.base import LossTerms, Method
from gear.methods.pair_batch import PairBatch
from gear.methods.shared_space import NETWORK, OPTIONAL, SOURCE_EMBEDDING, SOURCE_EPOCHS
from gear.methods.spec import MethodSpec
from gear.model.branch import HeadedNetwork
from gear.model.molecules import MoleculeBatch
from gear.space import Float


class Corrected(Method):
    """A linear function of the source's prediction, plus a correction."""

    spec = MethodSpec(
        name="corrected",
        title="the source's prediction, scaled, and a learnt correction",
        space=(Float("settings.correction", 0.003, 0.3), SOURCE_EPOCHS, *NETWORK),
        optional=(SOURCE_EMBEDDING, *OPTIONAL),
        settings={"correction": 0.03},  # weight of the penalty
    )

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.source = HeadedNetwork(config.embedding.of_source, config.encoder, heads=sources)
        self.scale = nn.Linear(sources, 1)
        self.correction = HeadedNetwork(config.embedding, config.encoder)

    @property
    def begins_with_sources(self) -> bool:
        """The sources are trained first."""
        return True

    def source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """The sources' regression, while they are trained."""
        z = self.source.latent(batch.molecules)
        return {"reg": self.sources_mse([head(z) for head in self.source.heads], batch)}

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The target's regression, and the penalty on the correction."""
        correction = self.correction(batch.molecules)
        terms = {"reg": batch.mse(self._scaled(batch.molecules) + correction)}
        if self.weight("correction") > 0:
            terms["correction"] = correction.square().mean()
        return LossTerms(terms, terms["reg"].new_zeros(()))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Predictions of the target (B,), standardised."""
        prediction: Tensor = self._scaled(molecules) + self.correction(molecules)
        return prediction

    def _scaled(self, molecules: MoleculeBatch) -> Tensor:
        """What the frozen models of the sources predict, in one linear function (B,)."""
        self.source.eval()
        with torch.no_grad():
            z = self.source.latent(molecules)
            known = torch.stack([head(z) for head in self.source.heads], dim=1)
        scaled: Tensor = self.scale(known)[:, 0]
        return scaled
