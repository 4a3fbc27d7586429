"""The curvature as published: metric, Christoffel symbols, Riemann and Ricci tensor, Ricci scalar.

Computed from first, second and third derivatives, slowly but readably; tests compare the Gauss equation with it.
Indices i, j, k, l run over latent dimensions, a over frame dimensions; commas are partial derivatives; repeated indices
are summed:

    g_ij       = J_ai J_aj
    Gamma^k_ij = g^kl (g_il,j + g_jl,i - g_ij,l) / 2
    R^l_ijk    = Gamma^l_ik,j - Gamma^l_ij,k + Gamma^l_jp Gamma^p_ik - Gamma^l_kp Gamma^p_ij      (paper, Eq. 6)
    Ric_ik     = R^j_ijk,     R = g^ik Ric_ik .

With the closed-form derivatives of the network (paper, Eqs. 8, 10, 11) nothing here is differentiated automatically.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gear.geometry.derivatives import derivatives
from gear.geometry.mlp import SiluMLP

__all__ = ["ReferenceCurvature", "metric_derivatives", "reference_curvature", "reference_from_derivatives"]


class ReferenceCurvature(NamedTuple):
    """R and all quantities it is computed from, at B points of an n-dimensional immersion."""

    metric: Tensor  # (B, n, n) g_ij
    christoffel: Tensor  # (B, n, n, n) Gamma^k_ij as [k, i, j]
    riemann: Tensor  # (B, n, n, n, n) R^l_ijk as [l, i, j, k]
    ricci: Tensor  # (B, n, n)
    scalar: Tensor  # (B,)


class MetricDerivatives(NamedTuple):
    """The metric and its first and second derivatives at B points."""

    metric: Tensor  # (B, n, n) g_ij
    first: Tensor  # (B, n, n, n) g_ij,k as [i, j, k]
    second: Tensor  # (B, n, n, n, n) g_ij,kl as [i, j, k, l]


def reference_curvature(network: SiluMLP, z: Tensor) -> ReferenceCurvature:
    """Curvature at z (B x n) of the latent space under the metric that the network induces."""
    found = derivatives(network, z, 3)
    assert found.jacobian is not None
    assert found.hessian is not None
    assert found.third is not None
    return reference_from_derivatives(found.jacobian, found.hessian, found.third)


def reference_from_derivatives(jacobian: Tensor, hessian: Tensor, third: Tensor) -> ReferenceCurvature:
    """Curvature of any immersion from J (B, m, n), H (B, m, n, n) and T (B, m, n, n, n)."""
    g, dg, ddg = metric_derivatives(jacobian, hessian, third)
    inverse = torch.linalg.inv(g)
    # Gamma_lij = (g_il,j + g_jl,i - g_ij,l) / 2, and its derivative by k
    lowered = (torch.einsum("bilj->blij", dg) + torch.einsum("bjli->blij", dg) - torch.einsum("bijl->blij", dg)) / 2
    d_lowered = (
        torch.einsum("biljk->blijk", ddg) + torch.einsum("bjlik->blijk", ddg) - torch.einsum("bijlk->blijk", ddg)
    ) / 2
    gamma = torch.einsum("bkl,blij->bkij", inverse, lowered)
    # the inverse metric's derivative is g^kl,p = -g^kq g_qr,p g^rl, so
    # Gamma^k_ij,p = g^kl (Gamma_lij,p - g_lr,p Gamma^r_ij)
    d_gamma = torch.einsum("bkl,blijp->bkijp", inverse, d_lowered - torch.einsum("blrp,brij->blijp", dg, gamma))
    riemann = (
        torch.einsum("blikj->blijk", d_gamma)
        - d_gamma
        + torch.einsum("bljp,bpik->blijk", gamma, gamma)
        - torch.einsum("blkp,bpij->blijk", gamma, gamma)
    )
    ricci = torch.einsum("bjijk->bik", riemann)
    return ReferenceCurvature(g, gamma, riemann, ricci, torch.einsum("bik,bik->b", inverse, ricci))


def metric_derivatives(jacobian: Tensor, hessian: Tensor, third: Tensor) -> MetricDerivatives:
    """The metric g_ij = J_ai J_aj and its derivatives by the product rule."""
    metric = torch.einsum("bai,baj->bij", jacobian, jacobian)
    # g_ij,k = H_aik J_aj + J_ai H_ajk
    half = torch.einsum("baik,baj->bijk", hessian, jacobian)
    first = half + half.transpose(1, 2)
    # g_ij,kl = T_aikl J_aj + H_aik H_ajl + H_ail H_ajk + J_ai T_ajkl
    outer = torch.einsum("baikl,baj->bijkl", third, jacobian)
    mixed = torch.einsum("baik,bajl->bijkl", hessian, hessian)
    return MetricDerivatives(metric, first, outer + outer.transpose(1, 2) + mixed + mixed.transpose(3, 4))
