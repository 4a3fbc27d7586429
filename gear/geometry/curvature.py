"""The Ricci scalar of an immersion in flat space, by the Gauss equation: first and second derivatives are enough.

With g = J^T J, P = I - J g^-1 J^T the normal projector and tr_g(H)^a = g^ij H^a_ij,

    R = tr_g(H)^T P tr_g(H) - P_ab <H^a, H^b>_g .

For a network the Hessian stays factorised (H^a_ij = sum_k C_ak A_ki A_kj). With g = Lc Lc^T, T = Lc^-1 A^T,
S = T^T T, d = diag(S) and D = C^T P C this is R = d^T D d - sum(D * S * S): no tensor with three latent indices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gear.geometry.derivatives import HessianFactors, graph_factors, hessian_factors
from gear.geometry.gauss import ricci_scalar
from gear.geometry.metric import checked_cholesky
from gear.geometry.mlp import SiluMLP

__all__ = ["Curvature", "curvature_of", "graph_curvature", "network_curvature", "scalar_curvature"]


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """Curvature at B points of an n-dimensional immersion in R^m. Failed samples hold zeros without gradient.

    Of a grouped network all shapes have a leading dimension of groups.
    """

    scalar: Tensor  # (B,) R
    metric: Tensor  # (B, n, n) g
    failed: Tensor  # (B,) bool: the metric was too near singular
    factors: HessianFactors

    @property
    def rho(self) -> Tensor:
        """The mean sectional curvature R / (n (n - 1)) (B,); 1 for the unit sphere."""
        n = self.metric.shape[-1]
        return self.scalar / max(n * (n - 1), 1)

    @property
    def trace(self) -> Tensor:
        """The traced Hessian tr_g(H) (B, m); it depends on the latent coordinates."""
        factor, failed = checked_cholesky(self.metric)
        # C d with d_k the squared length of A_k under g^-1
        lengths = torch.linalg.solve_triangular(factor, self.factors.a.mT, upper=False).square().sum(-2)
        return torch.where(failed[..., None], 0.0, (self.factors.c @ lengths[..., None])[..., 0])

    @property
    def mean_curvature(self) -> Tensor:
        """The mean-curvature vector P tr_g(H) (B, m), which does not depend on the latent coordinates."""
        factor, _ = checked_cholesky(self.metric)
        trace = self.trace[..., None]
        tangents = torch.linalg.solve_triangular(factor, self.factors.jacobian.mT, upper=False)
        normal: Tensor = trace - tangents.mT @ (tangents @ trace)
        return normal[..., 0]

    @property
    def second_form(self) -> Tensor:
        """The squared norm of the second fundamental form, |II|^2 (B,): |P tr_g(H)|^2 - R."""
        return self.mean_curvature.square().sum(-1) - self.scalar


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
        network: phi, into R^m. With m = n and no `directions`, R is identically zero and the result is
            round-off: do not train on it.
        z: points, B x n; of a grouped network G x B x n.
        directions: U (n x k), of a grouped network (G x n x k), orthonormal columns: the curvature of the slice
            x -> phi(z + U x) instead, real at m = n.
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
    metric = factors.jacobian.mT @ factors.jacobian
    with torch.no_grad():
        factor, failed = checked_cholesky(metric)
    return Curvature(ricci_scalar(*factors, factor, failed), metric, failed, factors)
