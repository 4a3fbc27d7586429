"""Geometry of a transfer module: closed-form derivatives of a SiLU MLP, its metric and its Ricci scalar.

Shapes: B molecules, n latent (or slice) dimensions, m frame dimensions, K hidden units over all layers.
"""

from gear.geometry.curvature import Curvature, network_curvature, scalar_curvature
from gear.geometry.derivatives import Derivatives, HessianFactors, derivatives, hessian_factors, jacobian
from gear.geometry.metric import checked_cholesky
from gear.geometry.mlp import SiluMLP
from gear.geometry.slices import principal_directions

__all__ = [
    "Curvature",
    "Derivatives",
    "HessianFactors",
    "SiluMLP",
    "checked_cholesky",
    "derivatives",
    "hessian_factors",
    "jacobian",
    "network_curvature",
    "principal_directions",
    "scalar_curvature",
]
