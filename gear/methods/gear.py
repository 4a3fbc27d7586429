"""GEAR: two branches whose latent spaces meet in one flat frame and share their Ricci curvature (arXiv 2506.13015).

Every molecule of a batch, source or target, goes through both branches k:
z_k = encoder_k(embedding_k(x)), frame point z'_k = transfer_k(z_k), way back inverse_k(z'_k), head_k(z_k).

Decided here, where the source is silent: the frame's width and the immersion that is compared (equal widths make the
curvature of the whole latent space vanish, see docs/method.md), the initialisation, the normalisation of z.
"""

import torch
from torch import Tensor

from gear.batching import PairBatch
from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.geometry import jacobian, participation_ratio
from gear.losses import labelled_mse, metric_loss, point_mse
from gear.matching import (
    curvature_at,
    discrepancy,
    immersed_dimensions,
    is_identically_flat,
    matched_quantity,
    molecules_matched,
)
from gear.methods.base import LossTerms, Method
from gear.model.branch import Branch
from gear.model.graphs import GraphBatch

__all__ = ["Gear"]


class Gear(Method):
    """The six losses on two branches, target and source."""

    uses_source = True

    def __init__(self, config: TrialConfig) -> None:
        super().__init__(config)
        dimensions, latent, frame = immersed_dimensions(config), config.encoder.latent, config.transfer.frame
        if dimensions > min(frame, latent):
            raise InputDataError(
                f"curvature.immersion {config.curvature.immersion} cannot place {dimensions} dimensions of a latent "
                f"space of {latent} in a frame of {frame}: widen transfer.frame or use immersion slice with a smaller "
                "curvature.slice_rank"
            )
        self.target = Branch(config)
        self.source = Branch(config)
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
        source, target = self.source, self.target
        z_s, z_t = source.latent(batch.graph), target.latent(batch.graph)
        frame_s, frame_t = source.transfer(z_s), target.transfer(z_t)
        terms = {"reg": labelled_mse(target.head(z_t), batch.target) + labelled_mse(source.head(z_s), batch.source)}
        weights = self.config.weights
        if weights.auto > 0:
            terms["auto"] = point_mse(source.inverse(frame_s), z_s) + point_mse(target.inverse(frame_t), z_t)
        if weights.cons > 0:
            terms["cons"] = point_mse(frame_s, frame_t)
        if weights.map > 0:
            to_target = labelled_mse(target.head(target.inverse(frame_s)), batch.target)
            terms["map"] = to_target + labelled_mse(source.head(source.inverse(frame_t)), batch.source)
        failed_share = terms["reg"].new_zeros(())
        if step % self.config.curvature.every == 0:
            order = torch.randperm(len(z_s), generator=generator).to(z_s.device)
            if weights.metric > 0:
                few = order[: self.config.curvature.molecules]
                terms["metric"] = self._flatness(source, z_s[few]) + self._flatness(target, z_t[few])
            if self.matches_curvature:
                few = order[: molecules_matched(self.config.curvature)]
                of_s = matched_quantity(source, z_s, few, self.config.curvature)
                of_t = matched_quantity(target, z_t, few, self.config.curvature)
                failed_share = (of_s.failed | of_t.failed).float().mean()
                terms["curv"] = discrepancy(of_s, of_t, self.config.curvature)
            elif self.notes:
                terms["curv"] = terms["reg"].new_zeros(())
        return LossTerms(terms, failed_share)

    def weight(self, term: str) -> float:
        """Of a loss term; those evaluated at every k-th step count k times, which keeps the expected gradient."""
        every = self.config.curvature.every if term in ("metric", "curv") else 1
        return every * super().weight(term)

    def _flatness(self, branch: Branch, z: Tensor) -> Tensor:
        there = jacobian(branch.transfer, z)
        if self.config.curvature.metric == "isometry":
            return metric_loss(there)
        return metric_loss(jacobian(branch.inverse, branch.transfer(z)) @ there)

    @torch.no_grad()
    def describe(self, graph: GraphBatch) -> dict[str, float]:
        """Curvature of both branches and the effective number of latent dimensions."""
        found = {"participation_ratio": float(participation_ratio(self.target.latent(graph)))}
        if is_identically_flat(self.config):
            return found | {"rho_source": 0.0, "rho_target": 0.0, "rho_spread": 0.0}
        everywhere = torch.arange(graph.size, device=graph.atoms.device)
        of_s, of_t = (
            curvature_at(branch, branch.latent(graph), everywhere, self.config.curvature)
            for branch in (self.source, self.target)
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

    def predict(self, graph: GraphBatch) -> Tensor:
        """Target predictions (B,), standardised, by the target's own branch."""
        prediction: Tensor = self.target(graph)
        return prediction

    def predict_source(self, graph: GraphBatch) -> Tensor:
        """Source predictions (B,), standardised."""
        prediction: Tensor = self.source(graph)
        return prediction

    def warm_start_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Regression and autoencoder loss of the source branch."""
        z = self.source.latent(batch.graph)
        auto = point_mse(self.source.inverse(self.source.transfer(z)), z)
        return {"reg": labelled_mse(self.source.head(z), batch.source), "auto": auto}

    def finish_warm_start(self) -> None:
        """Give the target the source's embedding and encoder.

        Its transfer modules stay their own: two equal branches would make the consistency and curvature terms zero
        with zero gradient. Its head stays too, for it predicts another property.
        """
        self.target.embedding.load_state_dict(self.source.embedding.state_dict())
        self.target.encoder.load_state_dict(self.source.encoder.state_dict())
