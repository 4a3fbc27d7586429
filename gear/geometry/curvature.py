"""The Ricci scalar of an immersion in flat space, by the Gauss equation: first and second derivatives are enough.

With g = J^T J, P = I - J g^-1 J^T the normal projector and tr_g(H)^a = g^ij H^a_ij,

    R = tr_g(H)^T P tr_g(H) - P_ab <H^a, H^b>_g .

For a network the Hessian stays factorised (H^a_ij = sum_k C_ak A_ki A_kj). With g = Lc Lc^T, T = Lc^-1 A^T,
S = T^T T, d = diag(S) and D = C^T P C this is R = d^T D d - sum(D * S * S): no tensor with three latent indices.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gear.geometry.derivatives import HessianFactors, graph_factors, hessian_factors
from gear.geometry.metric import checked_cholesky
from gear.geometry.mlp import SiluMLP

__all__ = ["Curvature", "curvature_of", "graph_curvature", "network_curvature", "scalar_curvature"]


class Curvature(NamedTuple):
    """Curvature at B points of an n-dimensional immersion in R^m. Failed samples hold zeros without gradient."""

    scalar: Tensor  # (B,) R
    rho: Tensor  # (B,) R / (n (n - 1)), the mean sectional curvature; 1 for the unit sphere
    metric: Tensor  # (B, n, n) g
    trace: Tensor  # (B, m) tr_g(H), which depends on the latent coordinates
    mean_curvature: Tensor  # (B, m) P tr_g(H), which does not
    failed: Tensor  # (B,) bool: the metric was too near singular


def scalar_curvature(jacobian: Tensor, hessian: Tensor) -> Tensor:
    """Ricci scalar (B,) of any immersion given by its derivatives J (B x m x n) and H (B x m x n x n).

    The dense form, for analytic surfaces and tests. Samples with a near-singular metric give NaN.
    """
    factor, failed = checked_cholesky(jacobian.mT @ jacobian)
    frame = torch.linalg.solve_triangular(factor, jacobian.mT, upper=False).mT  # orthonormal tangents, (B, m, n)
    inverse = torch.cholesky_inverse(factor)
    trace = torch.einsum("bij,baij->ba", inverse, hessian)
    raised = torch.einsum("bik,bakl,blj->baij", inverse, hessian, inverse)
    gram = torch.einsum("baij,bcij->bac", raised, hessian)
    normal = torch.eye(jacobian.shape[1], dtype=jacobian.dtype, device=jacobian.device) - frame @ frame.mT
    scalar: Tensor = torch.einsum("ba,bac,bc->b", trace, normal, trace) - (normal * gram).sum((-2, -1))
    return scalar.masked_fill(failed, torch.nan)


def network_curvature(network: SiluMLP, z: Tensor, directions: Tensor | None = None) -> Curvature:
    """Curvature of the latent space at z (B x n) under the metric that the network induces.

    Args:
        network: phi, into R^m. With m = n and no `directions`, R vanishes identically and what comes back is
            round-off: do not train on it.
        z: points, B x n.
        directions: U (n x k), orthonormal columns: the curvature of the slice x -> phi(z + U x) instead, real at m = n.
    """
    return curvature_of(hessian_factors(network, z, directions))


def graph_curvature(
    network: SiluMLP, head: Sequence[nn.Linear], scale: float, z: Tensor, directions: Tensor | None = None
) -> Curvature:
    """Curvature at z (B x n) of the graph z -> (phi(z), scale h(z)): how the property bends over the frame.

    Arguments as in `graph_factors`. Zero at m = n if h depends on one frame direction only.
    """
    return curvature_of(graph_factors(network, head, scale, z, directions))


def curvature_of(factors: HessianFactors) -> Curvature:
    """Curvature from the factorised derivatives of any immersion of R^n in R^m, m > n."""
    jac, a, c = factors
    n = jac.shape[-1]
    metric = jac.mT @ jac
    factor, failed = checked_cholesky(metric)
    t = torch.linalg.solve_triangular(factor, a.mT, upper=False)  # (B, n, K)
    tangents = torch.linalg.solve_triangular(factor, jac.mT, upper=False)  # (B, n, m), orthonormal
    s = t.mT @ t  # (B, K, K)
    tangential = tangents @ c  # (B, n, K)
    d = c.mT @ c - tangential.mT @ tangential
    norms = s.diagonal(dim1=-2, dim2=-1)[..., None]
    trace = c @ norms
    mean_curvature = trace - tangents.mT @ (tangents @ trace)
    scalar = (norms * (d @ norms)).sum((-2, -1)) - (d * s * s).sum((-2, -1))
    scalar = torch.where(failed, 0.0, scalar)
    trace, mean_curvature = (torch.where(failed[:, None], 0.0, v[..., 0]) for v in (trace, mean_curvature))
    return Curvature(scalar, scalar / max(n * (n - 1), 1), metric, trace, mean_curvature, failed)
