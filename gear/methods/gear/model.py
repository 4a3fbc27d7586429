"""GEAR: branches whose latent spaces meet in one flat frame and share their Ricci curvature (arXiv 2506.13015).

The six losses: regression, autoencoder, consistency and mapping (`gear.methods.aligned`), metric and curvature.

Decided here, where the source is silent: the frame's width and the immersion that is compared (equal widths make the
curvature of the whole latent space vanish, see docs/method.md), the initialisation, the normalisation of z.
"""

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.device import send
from gear.errors import InputDataError
from gear.geometry import jacobian, participation_ratio
from gear.methods.aligned import Aligned
from gear.methods.base import LossTerms, mean_of
from gear.methods.gear import GEAR
from gear.methods.gear.curvature_matching import (
    curvature_at,
    discrepancy,
    immersed_dimensions,
    is_identically_flat,
    matched_quantity,
    molecules_matched,
)
from gear.methods.losses import metric_loss
from gear.methods.pair_batch import PairBatch
from gear.model.branch import Branch
from gear.model.molecules import MoleculeBatch

__all__ = ["Gear"]


class Gear(Aligned):
    """The six losses on the branches of a target and its sources."""

    spec = GEAR

    def __init__(self, config: TrialConfig, sources: int) -> None:
        dimensions, latent, frame = immersed_dimensions(config), config.encoder.latent, config.transfer.frame
        if dimensions > min(frame, latent):
            raise InputDataError(
                f"curvature.immersion {config.curvature.immersion} cannot place {dimensions} dimensions of a latent "
                f"space of {latent} in a frame of {frame}: widen transfer.frame or use immersion slice with a smaller "
                "curvature.slice_rank"
            )
        super().__init__(config, sources)
        matching = config.curvature.matching
        wanted = config.weights.curv > 0 and matching != "none"
        needs_curvature = matching in ("ricci", "mean_curvature")
        self.matches_curvature = wanted and not (needs_curvature and is_identically_flat(config))
        if wanted and not self.matches_curvature:
            self.notes = (
                f"curvature is identically zero: {dimensions} dimensions in a frame of {frame}; the term is skipped "
                "(use curvature.immersion slice or a wider transfer.frame)",
            )

    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """The terms that have a weight; metric and curvature at a few random molecules, an unbiased estimate."""
        latents = self.latents(batch.molecules)
        frames = self.frames(latents)
        terms = self.alignment_terms(latents, frames, batch)
        failed_share = terms["reg"].new_zeros(())
        if step % self.config.curvature.every == 0:
            order = send(torch.randperm(batch.molecules.size, generator=generator), latents[0].device)
            if self.config.weights.metric > 0:
                few = order[: self.config.curvature.molecules]
                points = zip(self.branches, latents, frames, strict=True)
                target, *sources = (self._flatness(branch, z[few], frame[few]) for branch, z, frame in points)
                terms["metric"] = target + mean_of(sources)
            if self.matches_curvature:
                terms["curv"], failed_share = self._matching(latents, order)
            elif self.notes:
                terms["curv"] = terms["reg"].new_zeros(())
        return LossTerms(terms, failed_share)

    def _matching(self, latents: list[Tensor], order: Tensor) -> tuple[Tensor, Tensor]:
        """The curvature term, and the share of its molecules whose metric was near singular in any branch."""
        config = self.config.curvature
        few = order[: molecules_matched(config)]
        target, *sources = (
            matched_quantity(branch, z, few, config) for branch, z in zip(self.branches, latents, strict=True)
        )
        term = mean_of([discrepancy(source, target, config) for source in sources])
        failed = torch.stack([target.failed, *(source.failed for source in sources)]).any(0)
        return term, failed.float().mean()

    def weight(self, term: str) -> float:
        """Of a loss term; those evaluated at every k-th step count k times, which keeps the expected gradient."""
        every = self.config.curvature.every if term in ("metric", "curv") else 1
        return every * super().weight(term)

    def _flatness(self, branch: Branch, z: Tensor, frame: Tensor) -> Tensor:
        there = jacobian(branch.transfer, z)
        if self.config.curvature.metric == "isometry":
            return metric_loss(there)
        return metric_loss(jacobian(branch.inverse, frame, there))

    @torch.no_grad()
    def describe(self, molecules: MoleculeBatch) -> dict[str, float]:
        """Curvature of the target's and the first source's branch, and the effective number of latent dimensions."""
        latents = self.latents(molecules)[:2]
        found = {"participation_ratio": float(participation_ratio(latents[0]))}
        if is_identically_flat(self.config):
            return found | {"rho_source": 0.0, "rho_target": 0.0, "rho_spread": 0.0}
        everywhere = torch.arange(molecules.size, device=latents[0].device)
        of_t, of_s = (
            curvature_at(branch, z, everywhere, self.config.curvature)
            for branch, z in zip(self.branches[:2], latents, strict=True)
        )
        both = ~(of_s.failed | of_t.failed)
        if both.sum() < 2:
            return found
        rho = torch.stack([of_s.rho[both], of_t.rho[both]])
        return found | {
            "rho_source": float(rho[0].mean()),
            "rho_target": float(rho[1].mean()),
            "rho_spread": float(rho.std(1).mean()),
            "rho_correlation": float(torch.corrcoef(rho)[0, 1].nan_to_num()),
        }
