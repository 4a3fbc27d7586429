"""The Ricci scalar of a factorised immersion and its gradient, both in closed form.

With g = J^T J = L L^T, T = L^-1 A^T, the orthonormal tangents Theta = L^-1 J^T and the normal projector
P = I - Theta^T Theta, let N = P C, S = T^T T, d = diag(S), D = N^T N and M = d d^T - S * S. Then (* elementwise)

    R      = sum(D * M)
    dR/dC  = 2 N M
    dR/dA  = 2 E T^T L^-1                     with E = 2 diag(D d) - 2 D * S
    dR/dJ  = -2 (N M (Theta C)^T + Theta^T T E T^T) L^-1 .

The gradient of a sample depends only on the sample, so it is computed together with the value, from the same S and D.
Only tensors of the size of J, A and C are kept after the forward pass: no graph of K x K tensors is stored. The batch
is processed in chunks that fit the cache of a core.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["ricci_scalar"]

CHUNK_ENTRIES = 2**17  # numbers of the K x K tensors of a chunk: 0.5 MB each in float32, of which there are a few


def ricci_scalar(jacobian: Tensor, a: Tensor, c: Tensor, factor: Tensor, failed: Tensor) -> Tensor:
    """Ricci scalar (...), differentiable once by J, A and C; all arguments have the same leading dimensions.

    Args:
        jacobian: J, ... x m x n.
        a: A, ... x K x n.
        c: C, ... x m x K.
        factor: Cholesky factor of g, ... x n x n; needs no gradient, since the gradient through g is part of dR/dJ.
        failed: mask (...) of samples whose g was replaced; their R and its gradient are zero.
    """
    flat = (tensor.flatten(0, -3) for tensor in (jacobian, a, c, factor))
    scalar: Tensor = _RicciScalar.apply(*flat, failed.flatten())  # type: ignore[no-untyped-call]
    return scalar.view(failed.shape)


class _RicciScalar(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, jacobian: Tensor, a: Tensor, c: Tensor, factor: Tensor, failed: Tensor) -> Tensor:  # noqa: ANN401
        wanted = any(ctx.needs_input_grad[:3])
        size = max(1, CHUNK_ENTRIES // a.shape[1] ** 2)
        chunks = zip(*(tensor.split(size) for tensor in (jacobian, a, c, factor, failed)), strict=True)
        parts = [_value_and_gradient(*chunk, wanted=wanted) for chunk in chunks]
        ctx.save_for_backward(*(torch.cat(found) for found in zip(*(part.gradient for part in parts), strict=True)))
        return torch.cat([part.scalar for part in parts])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        by_jacobian, by_a, by_c = (upstream[:, None, None] * gradient for gradient in ctx.saved_tensors)
        return by_jacobian, by_a, by_c, None, None


class _Parts(NamedTuple):
    scalar: Tensor
    gradient: tuple[Tensor, ...] = ()  # by J, A and C, if wanted


def _value_and_gradient(
    jacobian: Tensor, a: Tensor, c: Tensor, factor: Tensor, failed: Tensor, *, wanted: bool
) -> _Parts:
    identity = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    inverse = torch.linalg.solve_triangular(factor, identity, upper=False)  # L^-1; products are faster than solves
    t, theta = inverse @ a.mT, inverse @ jacobian.mT
    tangential = theta @ c
    normal = torch.baddbmm(c, theta.mT, tangential, alpha=-1)  # N
    s = t.mT @ t
    d = s.diagonal(dim1=-2, dim2=-1).clone()
    gram = normal.mT @ normal  # D
    kept = (~failed).to(c.dtype)
    along = (gram @ d[..., None])[..., 0]  # D d
    bend = gram.mul_(s)  # D * S
    scalar = (torch.linalg.vecdot(d, along) - torch.linalg.vecdot(bend.flatten(1), s.flatten(1))) * kept
    if not wanted:
        return _Parts(scalar)
    twice = 2 * kept[:, None, None]
    pressed = (normal @ d[..., None]) * d[:, None, :] - normal @ s.mul_(s)  # N M
    by_c = twice * pressed
    bent = twice * 2 * (along[..., None] * t.mT - bend @ t.mT)  # 2 E T^T
    by_jacobian = (by_c @ tangential.mT + theta.mT @ (t @ bent)).neg_() @ inverse
    return _Parts(scalar, (by_jacobian, bent @ inverse, by_c))
