"""GATE: branches on one embedding, aligned by the distances from a molecule to points near it (arXiv 2310.06369).

Regression, autoencoder, consistency and mapping as in GEAR; instead of metric and curvature, the distances in the frame
between a molecule and perturbations of it must be the same whichever branch they are taken through.

Decided here, where the source is silent: a perturbation moves the shared embedding by `NEARNESS` of its standard
deviation over the batch, so that it is one point for all branches; `PERTURBATIONS` a molecule; the transfer modules are
GEAR's, linear skip included; mapping goes both ways, as in GEAR.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gear.methods.aligned import Aligned
from gear.methods.base import LossTerms
from gear.methods.gate import GATE
from gear.methods.losses import point_mse
from gear.methods.pair_batch import PairBatch

__all__ = ["Gate"]

PERTURBATIONS, NEARNESS = 3, 0.1


class Gate(Aligned):
    """The four common terms and the distance term."""

    spec = GATE
    one_embedding = True

    def joint_terms(self, batch: PairBatch, step: int, generators: Sequence[torch.Generator]) -> LossTerms:
        """The terms that have a weight."""
        embedded = self._by_member(self.embeddings.get_submodule("0")(batch.molecules))[0]  # (M, B, width)
        size, apart = batch.molecules.size, self.config.weights.dist > 0
        # molecules and their perturbations together, so that one normalisation sees them all
        points, real = self._perturbed(embedded, batch) if apart else (embedded, batch.real)
        latents = self.branches.encoder(points.repeat(self.tasks, 1, 1), self._of_groups(real))
        frames = self.branches.transfer(latents)
        terms = self.alignment_terms(latents[:, :size], frames[:, :size], batch)
        if apart:
            distances = self._by_member(self._distances(frames, size))
            terms["dist"] = point_mse(distances[1:], distances[:1], batch.real).mean(0)
        return LossTerms(terms, torch.zeros_like(terms["reg"]))

    def _perturbed(self, embedded: Tensor, batch: PairBatch) -> tuple[Tensor, Tensor | None]:
        """The embeddings (M, B, width), after them their perturbations, (M, (1 + P) B, width); and which are real."""
        found, shape = embedded.detach(), (PERTURBATIONS, *embedded.shape[1:])
        if batch.real is None:
            spread, real = found.std(1, keepdim=True), None
        else:
            inside, counts = batch.real[..., None], batch.real.sum(1)[:, None, None]
            mean = torch.where(inside, found, 0.0).sum(1, keepdim=True) / counts
            spread = (torch.where(inside, found - mean, 0.0).square().sum(1, keepdim=True) / (counts - 1)).sqrt()
            real = batch.real.repeat(1, 1 + PERTURBATIONS)
        noise = embedded.new_zeros(len(embedded), *shape)
        for member, size in enumerate(batch.sizes):
            drawn = None if self.generators is None else self.generators[member]
            noise[member, :, :size] = torch.randn(
                (PERTURBATIONS, size, shape[-1]), device=embedded.device, generator=drawn
            )
        moved = embedded[:, None] + NEARNESS * spread[:, None] * noise
        return torch.cat([embedded, moved.flatten(1, 2)], 1), real

    @staticmethod
    def _distances(frames: Tensor, size: int) -> Tensor:
        """Distances (G, B, P) of each molecule's frame point to those of its perturbations, in units of `NEARNESS`."""
        centre, moved = frames[:, None, :size], frames[:, size:].unflatten(1, (PERTURBATIONS, size))
        distances: Tensor = (moved - centre).square().sum(-1).add(1e-12).sqrt()
        return distances.mT / NEARNESS
