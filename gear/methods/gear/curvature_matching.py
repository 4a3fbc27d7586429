"""What both branches must share at the same molecules: the choices in the slot of the curvature loss.

Each quantity is computed for all branches at once, at a few molecules of their latent batches, and compared by
`discrepancy`. G is the number of branches, which are one grouped module (`gear.grouped`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gear.config import CurvatureConfig, TrialConfig
from gear.geometry import Curvature, graph_curvature, network_curvature, principal_directions
from gear.methods.losses import concordance_loss, matching_mse
from gear.model.branch import Branch

__all__ = [
    "CONCORDANCE_MOLECULES",
    "Matched",
    "curvature_at",
    "discrepancy",
    "immersed_dimensions",
    "is_identically_flat",
    "matched_quantity",
    "molecules_matched",
    "rows_of",
]

CONCORDANCE_MOLECULES = 64  # a correlation over fewer is noise
NEIGHBOURS, NEARNESS = 3, 0.1  # of the distance matching: partners a molecule, and how far to go towards each


class Matched(NamedTuple):
    """A quantity of branches at B molecules, d numbers each, and where it could not be computed."""

    value: Tensor  # (..., B, d)
    failed: Tensor  # (..., B) bool


def immersed_dimensions(config: TrialConfig) -> int:
    """Dimension of what is immersed: the latent space, or a slice of it."""
    return config.curvature.slice_rank if config.curvature.immersion == "slice" else config.encoder.latent


def is_identically_flat(config: TrialConfig) -> bool:
    """Whether R vanishes whatever the weights: the pull-back of a flat metric by a local diffeomorphism is flat."""
    return config.curvature.immersion != "graph" and immersed_dimensions(config) == config.transfer.frame


def molecules_matched(config: CurvatureConfig) -> int:
    """How many molecules of a batch the curvature term looks at."""
    return max(config.molecules, CONCORDANCE_MOLECULES) if config.discrepancy == "concordance" else config.molecules


def rows_of(points: Tensor, few: Tensor) -> Tensor:
    """The points (G, few, n) at the places `few` (G, few) of each group's points (G, B, n)."""
    first = torch.arange(len(points), device=few.device)[:, None] * points.shape[1]
    chosen: Tensor = points.flatten(0, 1).index_select(0, (first + few).flatten()).unflatten(0, few.shape)
    return chosen


def curvature_at(
    branches: Branch, z: Tensor, few: Tensor, config: CurvatureConfig, real: Tensor | None = None
) -> Curvature:
    """Curvature of the branches' latent spaces at some molecules of their latent batches.

    Args:
        branches: G.
        z: latent points (G, B, n).
        few: places (G, few) of the molecules.
        config: what is immersed.
        real: which latent points are molecules (G, B); all if None.
    """
    at = rows_of(z, few)
    if config.immersion == "graph":
        return graph_curvature(branches.transfer, branches.head.linear_layers, config.graph_scale, at)
    directions = principal_directions(z, config.slice_rank, real) if config.immersion == "slice" else None
    return network_curvature(branches.transfer, at, directions)


def matched_quantity(
    branches: Branch, z: Tensor, few: Tensor, config: CurvatureConfig, real: Tensor | None = None
) -> Matched:
    """The quantity that `config.matching` names, (G, few, d); arguments as of `curvature_at`."""
    if config.matching == "distance":
        return Matched(_distances(branches, rows_of(z, few)), torch.zeros_like(few, dtype=torch.bool))
    found = curvature_at(branches, z, few, config, real)
    n = found.metric.shape[-1]
    if config.matching == "ricci":
        return Matched(found.scalar[..., None] / n, found.failed)
    return Matched((found.trace if config.matching == "hessian" else found.mean_curvature) / n, found.failed)


def discrepancy(source: Matched, target: Matched, config: CurvatureConfig) -> Tensor:
    """How far apart the branches are; molecules that failed in either are left out."""
    failed = source.failed | target.failed
    compare = concordance_loss if config.discrepancy == "concordance" else matching_mse
    return compare(source.value, target.value, failed)


def _distances(branches: Branch, at: Tensor) -> Tensor:
    """Distances in the frame from molecules at latent points `at` (G, B, n) to points near them, (G, B, NEIGHBOURS).

    A point near a molecule lies a tenth of the way to another molecule of the batch. That names the same point in both
    branches, which a random step in latent coordinates would not.
    """
    centre = branches.transfer(at)
    columns = []
    for shift in range(1, NEIGHBOURS + 1):
        towards = at + NEARNESS * (at.roll(shift, 1) - at)
        columns.append((branches.transfer(towards) - centre).square().sum(-1).add(1e-12).sqrt())
    return torch.stack(columns, -1) / NEARNESS
