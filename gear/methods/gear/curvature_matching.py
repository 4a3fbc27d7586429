"""What both branches must share at the same molecules: the choices in the slot of the curvature loss.

Each quantity is computed branch by branch at a few molecules of a latent batch and compared by `discrepancy`.
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
]

CONCORDANCE_MOLECULES = 64  # a correlation over fewer is noise
NEIGHBOURS, NEARNESS = 3, 0.1  # of the distance matching: partners a molecule, and how far to go towards each


class Matched(NamedTuple):
    """A quantity of one branch at B molecules, d numbers each, and where it could not be computed."""

    value: Tensor  # (B, d)
    failed: Tensor  # (B,) bool


def immersed_dimensions(config: TrialConfig) -> int:
    """Dimension of what is immersed: the latent space, or a slice of it."""
    return config.curvature.slice_rank if config.curvature.immersion == "slice" else config.encoder.latent


def is_identically_flat(config: TrialConfig) -> bool:
    """Whether R vanishes whatever the weights: the pull-back of a flat metric by a local diffeomorphism is flat."""
    return config.curvature.immersion != "graph" and immersed_dimensions(config) == config.transfer.frame


def molecules_matched(config: CurvatureConfig) -> int:
    """How many molecules of a batch the curvature term looks at."""
    return max(config.molecules, CONCORDANCE_MOLECULES) if config.discrepancy == "concordance" else config.molecules


def curvature_at(branch: Branch, z: Tensor, few: Tensor, config: CurvatureConfig) -> Curvature:
    """Curvature of a branch's latent space at the molecules `few` of the latent batch z (B, n)."""
    if config.immersion == "graph":
        return graph_curvature(branch.transfer, branch.head.linear_layers, config.graph_scale, z[few])
    directions = principal_directions(z, config.slice_rank) if config.immersion == "slice" else None
    return network_curvature(branch.transfer, z[few], directions)


def matched_quantity(branch: Branch, z: Tensor, few: Tensor, config: CurvatureConfig) -> Matched:
    """The quantity that `config.matching` names, at the molecules `few` of the latent batch z (B, n)."""
    if config.matching == "distance":
        return Matched(_distances(branch, z, few), torch.zeros(len(few), dtype=torch.bool, device=z.device))
    found = curvature_at(branch, z, few, config)
    n = found.metric.shape[-1]
    if config.matching == "ricci":
        return Matched(found.scalar[:, None] / n, found.failed)
    return Matched((found.trace if config.matching == "hessian" else found.mean_curvature) / n, found.failed)


def discrepancy(source: Matched, target: Matched, config: CurvatureConfig) -> Tensor:
    """How far apart the branches are; molecules that failed in either are left out."""
    failed = source.failed | target.failed
    compare = concordance_loss if config.discrepancy == "concordance" else matching_mse
    return compare(source.value, target.value, failed)


def _distances(branch: Branch, z: Tensor, few: Tensor) -> Tensor:
    """Distances in the frame from molecules to points near them, (B, NEIGHBOURS).

    A point near a molecule lies a tenth of the way to another molecule of the batch. That names the same point in both
    branches, which a random step in latent coordinates would not.
    """
    centre = branch.transfer(z[few])
    columns = []
    for shift in range(1, NEIGHBOURS + 1):
        towards = z[few] + NEARNESS * (z[few.roll(shift)] - z[few])
        columns.append((branch.transfer(towards) - centre).square().sum(1).add(1e-12).sqrt())
    return torch.stack(columns, 1) / NEARNESS
