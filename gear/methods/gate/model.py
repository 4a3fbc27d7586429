"""GATE: branches on one embedding, aligned by the distances from a molecule to points near it (arXiv 2310.06369).

Regression, autoencoder, consistency and mapping as in GEAR; instead of metric and curvature, the distances in the frame
between a molecule and perturbations of it must be the same whichever branch they are taken through.

Decided here, where the source is silent: a perturbation moves the shared embedding by `NEARNESS` of its standard
deviation over the batch, so that it is one point for all branches; `PERTURBATIONS` a molecule; the transfer modules are
GEAR's, linear skip included; mapping goes both ways, as in GEAR.
"""

import torch
from torch import Tensor

from gear.methods.aligned import Aligned
from gear.methods.base import LossTerms, mean_of
from gear.methods.gate import GATE
from gear.methods.losses import point_mse
from gear.methods.pair_batch import PairBatch

__all__ = ["Gate"]

PERTURBATIONS, NEARNESS = 3, 0.1


class Gate(Aligned):
    """The four common terms and the distance term."""

    spec = GATE
    one_embedding = True

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The terms that have a weight."""
        embedded = self.embedded(batch.molecules)[0]
        size, apart = len(embedded), self.config.weights.dist > 0
        # molecules and their perturbations together, so that one normalisation sees them all
        points = self._perturbed(embedded) if apart else embedded
        latents = [branch.encoder(points) for branch in self.branches]
        frames = self.frames(latents)
        terms = self.alignment_terms([z[:size] for z in latents], [frame[:size] for frame in frames], batch)
        if apart:
            target, *sources = (self._distances(frame, size) for frame in frames)
            terms["dist"] = mean_of([point_mse(source, target) for source in sources])
        return LossTerms(terms, terms["reg"].new_zeros(()))

    @staticmethod
    def _perturbed(embedded: Tensor) -> Tensor:
        """The embeddings (B, width), and after them their perturbations, ((1 + P) B, width)."""
        scale = NEARNESS * embedded.detach().std(0)
        shifts = scale * torch.randn((PERTURBATIONS, *embedded.shape), device=embedded.device)
        return torch.cat([embedded, (embedded + shifts).flatten(0, 1)])

    @staticmethod
    def _distances(frame: Tensor, size: int) -> Tensor:
        """Distances (B, P) from each molecule's frame point to those of its perturbations, in units of `NEARNESS`."""
        centre, moved = frame[:size], frame[size:].unflatten(0, (PERTURBATIONS, size))
        distances: Tensor = (moved - centre).square().sum(2).add(1e-12).sqrt()
        return distances.T / NEARNESS
