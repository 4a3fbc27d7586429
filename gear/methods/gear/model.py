"""GEAR: branches whose latent spaces meet in one flat frame and share their Ricci curvature (arXiv 2506.13015).

The six losses: regression, autoencoder, consistency and mapping (`gear.methods.aligned`), metric and curvature.

Decided here, where the source is silent: the frame's width and the immersion that is compared (equal widths make the
curvature of the whole latent space vanish, see docs/method.md), the initialisation, the normalisation of z.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.device import send
from gear.errors import InputDataError
from gear.geometry import jacobian, participation_ratio
from gear.grouped import part
from gear.methods.aligned import Aligned
from gear.methods.base import LossTerms, mean_of
from gear.methods.gear import GEAR
from gear.methods.gear.curvature_matching import (
    Matched,
    curvature_at,
    discrepancy,
    immersed_dimensions,
    is_identically_flat,
    matched_quantity,
    molecules_matched,
    rows_of,
)
from gear.methods.losses import metric_loss
from gear.methods.pair_batch import PairBatch
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

    def joint_terms(self, batch: PairBatch, step: int, generators: Sequence[torch.Generator]) -> LossTerms:
        """The terms that have a weight; metric and curvature at a few random molecules, an unbiased estimate."""
        latents = self.latents(batch.molecules, real=batch.real)
        frames = self.branches.transfer(latents)
        terms = self.alignment_terms(latents, frames, batch)
        failed_share = torch.zeros_like(terms["reg"])
        if step % self.config.curvature.every == 0:
            orders = [torch.randperm(size, generator=one) for size, one in zip(batch.sizes, generators, strict=True)]
            if self.config.weights.metric > 0:
                few = self._chosen(orders, self.config.curvature.molecules, latents)
                metric = self._flatness(rows_of(latents, few), rows_of(frames, few)).view(self.tasks, -1)
                terms["metric"] = metric[0] + metric[1:].mean(0)
            if self.matches_curvature:
                few = self._chosen(orders, molecules_matched(self.config.curvature), latents)
                terms["curv"], failed_share = self._matching(latents, few, batch.real)
            elif self.notes:
                terms["curv"] = torch.zeros_like(terms["reg"])
        return LossTerms(terms, failed_share)

    def _chosen(self, orders: Sequence[Tensor], count: int, latents: Tensor) -> Tensor:
        """Places (G, few) of the first of each member's molecules."""
        few = torch.stack([order[:count] for order in orders])
        return send(few, latents.device).repeat(self.tasks, 1)

    def _matching(self, latents: Tensor, few: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
        """The curvature term, and the share of molecules whose metric was near singular in a branch; (M,) each."""
        config = self.config.curvature
        found = matched_quantity(self.branches, latents, few, config, self._of_groups(real))
        value, failed = self._by_member(found.value), found.failed.view(self.tasks, self.members, -1)
        target = Matched(value[0], failed[0])
        terms = [discrepancy(Matched(value[task], failed[task]), target, config) for task in range(1, self.tasks)]
        return mean_of(terms), failed.any(0).float().mean(-1)

    def weight(self, term: str) -> float:
        """Of a loss term; those evaluated at every k-th step count k times, which keeps the expected gradient."""
        every = self.config.curvature.every if term in ("metric", "curv") else 1
        return every * super().weight(term)

    def _flatness(self, z: Tensor, frame: Tensor) -> Tensor:
        there = jacobian(self.branches.transfer, z)
        if self.config.curvature.metric == "isometry":
            return metric_loss(there)
        return metric_loss(jacobian(self.branches.inverse, frame, there))

    @torch.no_grad()
    def describe(self, molecules: MoleculeBatch) -> dict[str, float]:
        """Curvature of the target's and the first source's branch, and the effective number of latent dimensions."""
        latents = self.latents(molecules, 0, 2)
        found = {"participation_ratio": float(participation_ratio(latents[0]))}
        if is_identically_flat(self.config):
            return found | {"rho_source": 0.0, "rho_target": 0.0, "rho_spread": 0.0}
        everywhere = torch.arange(molecules.size, device=latents.device).repeat(2, 1)
        curvature = curvature_at(part(self.branches, 0, 2), latents, everywhere, self.config.curvature)
        both = ~curvature.failed.any(0)
        if both.sum() < 2:
            return found
        target, source = rho = curvature.rho[:, both]
        return found | {
            "rho_source": float(source.mean()),
            "rho_target": float(target.mean()),
            "rho_spread": float(rho.std(1).mean()),
            "rho_correlation": float(torch.corrcoef(rho)[0, 1].nan_to_num()),
        }
