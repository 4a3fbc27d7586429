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
from gear.geometry import Curvature, jacobian, network_curvature, principal_directions
from gear.losses import curvature_loss, labelled_mse, metric_loss, point_mse
from gear.methods.base import LossTerms, Method
from gear.model.branch import Branch
from gear.model.graphs import GraphBatch

__all__ = ["Gear", "immersed_dimensions", "is_identically_flat"]


def immersed_dimensions(config: TrialConfig) -> int:
    """Dimension of what is immersed in the frame: the latent space, or a slice of it."""
    return config.encoder.latent if config.curvature.immersion == "frame" else config.curvature.slice_rank


def is_identically_flat(config: TrialConfig) -> bool:
    """Whether R vanishes whatever the weights: the pull-back of a flat metric by a local diffeomorphism is flat."""
    return immersed_dimensions(config) == config.transfer.frame


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
        wanted = config.weights.curv > 0 and config.curvature.matching != "none"
        self.matches_curvature = wanted and not is_identically_flat(config)
        if wanted and not self.matches_curvature:
            self.notes = (
                f"curvature is identically zero: {dimensions} dimensions in a frame of {frame}; the term is skipped "
                "(use curvature.immersion slice or a wider transfer.frame)",
            )

    def loss_terms(self, batch: PairBatch, generator: torch.Generator) -> LossTerms:
        """All six terms; metric and curvature on a few random molecules, an unbiased estimate of their mean."""
        source, target = self.source, self.target
        z_s, z_t = source.latent(batch.graph), target.latent(batch.graph)
        frame_s, frame_t = source.transfer(z_s), target.transfer(z_t)
        terms = {
            "reg": labelled_mse(target.head(z_t), batch.target) + labelled_mse(source.head(z_s), batch.source),
            "auto": point_mse(source.inverse(frame_s), z_s) + point_mse(target.inverse(frame_t), z_t),
            "cons": point_mse(frame_s, frame_t),
            "map": labelled_mse(target.head(target.inverse(frame_s)), batch.target)
            + labelled_mse(source.head(source.inverse(frame_t)), batch.source),
        }
        few = torch.randperm(len(z_s), generator=generator)[: self.config.curvature.molecules].to(z_s.device)
        if self.config.weights.metric > 0:
            terms["metric"] = self._flatness(source, z_s[few]) + self._flatness(target, z_t[few])
        failed_share = terms["reg"].new_zeros(())
        if self.matches_curvature:
            of_s, of_t = self.curvature(source, z_s, few), self.curvature(target, z_t, few)
            failed = of_s.failed | of_t.failed
            failed_share = failed.float().mean()
            dimensions = immersed_dimensions(self.config)
            terms["curv"] = curvature_loss(of_s.scalar, of_t.scalar, failed, dimensions)
        elif self.notes:
            terms["curv"] = terms["reg"].new_zeros(())
        return LossTerms(terms, failed_share)

    def curvature(self, branch: Branch, z: Tensor, few: Tensor) -> Curvature:
        """Curvature of a branch's latent space at the molecules `few` of the latent batch z (B, n)."""
        config = self.config.curvature
        directions = principal_directions(z, config.slice_rank) if config.immersion == "slice" else None
        return network_curvature(branch.transfer, z[few], directions)

    def _flatness(self, branch: Branch, z: Tensor) -> Tensor:
        there = jacobian(branch.transfer, z)
        if self.config.curvature.metric == "isometry":
            return metric_loss(there)
        return metric_loss(jacobian(branch.inverse, branch.transfer(z)) @ there)

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
