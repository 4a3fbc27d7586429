"""Knowledge distillation: a model trained on the source teaches the target's model what molecules look like.

A teacher of another property has no outputs to imitate, so its latent space is what is taught, at all molecules of a
batch, source molecules included.

Decided here: the teacher is trained for `training.source_epochs`, its averaged weights are frozen and its latent space
normalised by the statistics of its training; several sources make one teacher with a head each.
"""

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.base import LossTerms, Method
from gear.methods.distil import GSP_KD, KD
from gear.methods.losses import point_mse, relation_mse
from gear.methods.pair_batch import PairBatch
from gear.model.branch import HeadedNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["Distilled", "GlobalStructureDistilled"]


class Distilled(Method):
    """The student's latent points are drawn to the teacher's (hints: Romero et al., FitNets, ICLR 2015).

    Teacher and student may read molecules in different forms.
    """

    spec = KD
    sees_sources = True

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.student = HeadedNetwork(config.embedding, config.encoder)
        self.teacher = HeadedNetwork(config.embedding.of_source, config.encoder, heads=sources)

    @property
    def begins_with_sources(self) -> bool:
        """Always: the teacher."""
        return True

    def source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Regression of the teacher."""
        z = self.teacher.latent(batch.molecules)
        return {"reg": self.sources_mse([head(z) for head in self.teacher.heads], batch)}

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """Regression of the target, and the student's likeness to the teacher."""
        z = self.student.latent(batch.molecules)
        terms = {"reg": batch.mse(self.student.heads[0](z))}
        if self.config.weights.distil > 0:
            self.teacher.eval()
            with torch.no_grad():
                taught = self.teacher.latent(batch.molecules)
            terms["distil"] = self.unlikeness(z, taught)
        return LossTerms(terms, terms["reg"].new_zeros(()))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """The student's predictions of the target (B,), or the teacher's of a source, standardised."""
        prediction: Tensor = self.student(molecules) if task == 0 else self.teacher(molecules, task - 1)
        return prediction

    def unlikeness(self, z: Tensor, taught: Tensor) -> Tensor:
        """How far the student's latent points (B, n) are from the teacher's."""
        return point_mse(z, taught)


class GlobalStructureDistilled(Distilled):
    """The student keeps all pairwise similarities of the teacher's latent points, not the points themselves.

    GSP of Joshi et al., IEEE TNNLS 2022 (arXiv 2111.04964), with their cosine kernel.
    """

    spec = GSP_KD

    def unlikeness(self, z: Tensor, taught: Tensor) -> Tensor:
        """How far the pairwise cosine similarities of a batch are from the teacher's."""
        return relation_mse(z, taught)
