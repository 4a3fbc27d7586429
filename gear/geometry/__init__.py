"""Geometry of a transfer module: closed-form derivatives of a SiLU MLP, its metric and its Ricci scalar.

Shapes: B molecules, n latent (or slice) dimensions, m frame dimensions, K hidden units over all layers.
"""

from gear.geometry.curvature import Curvature, curvature_of, graph_curvature, network_curvature, scalar_curvature
from gear.geometry.derivatives import (
    Derivatives,
    HessianFactors,
    derivatives,
    graph_factors,
    hessian_factors,
    jacobian,
    metric_derivative,
)
from gear.geometry.metric import checked_cholesky
from gear.geometry.mlp import SiluMLP
from gear.geometry.reference import ReferenceCurvature, reference_curvature, reference_from_derivatives
from gear.geometry.slices import participation_ratio, principal_directions

__all__ = [
    "Curvature",
    "Derivatives",
    "HessianFactors",
    "ReferenceCurvature",
    "SiluMLP",
    "checked_cholesky",
    "curvature_of",
    "derivatives",
    "graph_curvature",
    "graph_factors",
    "hessian_factors",
    "jacobian",
    "metric_derivative",
    "network_curvature",
    "participation_ratio",
    "principal_directions",
    "reference_curvature",
    "reference_from_derivatives",
    "scalar_curvature",
]
