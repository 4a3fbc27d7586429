"""GEAR: branches whose latent spaces meet in one flat frame and share their Ricci curvature (arXiv 2506.13015)."""

from gear.methods.shared_space import ALIGNMENT, NETWORK, OPTIONAL, PATHS, SOURCE_EMBEDDING, TRANSFER
from gear.methods.spec import MethodSpec
from gear.space import Choice, Float, Integer

__all__ = ["GEAR"]

GEAR = MethodSpec(
    name="gear",
    title="two branches, one frame, matched curvature",
    model="gear.methods.gear.model:Gear",
    joins=True,
    colour="blue",
    space=(
        *ALIGNMENT,
        Float("weights.metric", 0.003, 0.3),
        Float("weights.curv", 0.1, 10.0),
        Choice("curvature.matching", ("ricci", "none")),  # whether the curvature is matched at all
        *TRANSFER,
        *NETWORK,
    ),
    optional=(
        Choice("curvature.matching", ("ricci", "mean_curvature", "hessian", "distance", "none")),
        Choice("curvature.discrepancy", ("mse", "concordance")),
        Choice("curvature.immersion", ("slice", "frame", "graph")),
        Choice("curvature.metric", ("roundtrip", "isometry")),
        Integer("curvature.slice_rank", 8, 40, step=8),
        Choice("curvature.every", (1, 2, 4, 8)),
        PATHS,
        SOURCE_EMBEDDING,
        *OPTIONAL,
    ),
)
