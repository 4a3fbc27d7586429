"""Closed-form derivatives of a SiLU MLP, layer by layer, without automatic differentiation.

`derivatives` gives the full tensors, for analysis and tests. `hessian_factors` gives the Hessian as a sum of rank-one
terms, one for each hidden unit, H^a_ij = sum_k C_ak A_ki A_kj, which is all that the curvature needs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gear.geometry.mlp import SiluMLP, silu_derivatives
from gear.grouped import linear

__all__ = [
    "Derivatives",
    "HessianFactors",
    "derivatives",
    "graph_factors",
    "hessian_factors",
    "jacobian",
    "metric_derivative",
]


class Derivatives(NamedTuple):
    """Derivatives of phi at B points; those above the order asked for are None."""

    value: Tensor  # (B, m)
    jacobian: Tensor | None = None  # (B, m, n)
    hessian: Tensor | None = None  # (B, m, n, n)
    third: Tensor | None = None  # (B, m, n, n, n)


class HessianFactors(NamedTuple):
    """Jacobian and factorised Hessian at B points, along n directions: H^a_ij = sum_k C_ak A_ki A_kj."""

    jacobian: Tensor  # (B, m, n)
    a: Tensor  # (B, K, n): derivative of every pre-activation
    c: Tensor  # (B, m, K): weight of every unit's rank-one term in each output


def derivatives(network: SiluMLP, z: Tensor, order: int) -> Derivatives:
    """Value and derivatives of the network at z (B x n), up to order 3.

    Raises:
        ValueError: `order` is not 0, 1, 2 or 3.
    """
    if order not in (0, 1, 2, 3):
        raise ValueError(f"order must be 0 to 3, got {order}")
    batch, n = z.shape
    a, j = z, torch.eye(n, dtype=z.dtype, device=z.device).expand(batch, n, n)
    h = z.new_zeros(batch, n, n, n) if order >= 2 else None
    t = z.new_zeros(batch, n, n, n, n) if order >= 3 else None
    for layer in network.hidden_layers:
        s = silu_derivatives(layer(a), order)
        w, a = layer.weight, s[0]
        if order < 1:
            continue
        ju = w @ j
        j = s[1][..., None] * ju
        if h is None:
            continue
        hu = torch.einsum("ha,baij->bhij", w, h)
        outer = torch.einsum("bhi,bhj->bhij", ju, ju)
        h = s[2][..., None, None] * outer + s[1][..., None, None] * hu
        if t is not None:
            mixed = torch.einsum("bhi,bhjk->bhijk", ju, hu)
            mixed = mixed + mixed.permute(0, 1, 3, 2, 4) + mixed.permute(0, 1, 4, 3, 2)
            t = (
                s[3][..., None, None, None] * torch.einsum("bhij,bhk->bhijk", outer, ju)
                + s[2][..., None, None, None] * mixed
                + s[1][..., None, None, None] * torch.einsum("ha,baijk->bhijk", w, t)
            )
    w = network.output_layer.weight
    value: Tensor = network.output_layer(a)
    if network.skip:
        value = value + network.embed(z)
    if order < 1:
        return Derivatives(value)
    j = w @ j
    if network.skip:
        j = j + network.embed(torch.eye(n, dtype=z.dtype, device=z.device)).T
    return Derivatives(
        value,
        j,
        None if h is None else torch.einsum("ma,baij->bmij", w, h),
        None if t is None else torch.einsum("ma,baijk->bmijk", w, t),
    )


def jacobian(network: SiluMLP, z: Tensor, along: Tensor | None = None) -> Tensor:
    """The Jacobian d phi / d z at z (B x n): (B, m, n). Of a grouped network all shapes have a leading dimension G.

    Args:
        network: phi.
        z: points, B x n.
        along: vectors at every point (B, n, k), to get the Jacobian times them (B, m, k) without forming the Jacobian.
    """
    rows = _directions(z, None).mT if along is None else along.mT
    a, moved = z, rows
    for layer in network.hidden_layers:
        a, slope = silu_derivatives(layer(a), 1)
        moved = linear(moved, layer.weight) * slope[..., None, :]
    out = linear(moved, network.output_layer.weight)
    return (out + network.embed(rows) if network.skip else out).mT


def hessian_factors(network: SiluMLP, z: Tensor, directions: Tensor | None = None) -> HessianFactors:
    """Jacobian and factorised Hessian at z (B x n). Of a grouped network all shapes have a leading dimension G.

    Args:
        network: phi.
        z: points, B x n.
        directions: U (n x k) restricts phi to x -> phi(z + U x) at x = 0; the derivatives are then by x,
            and n in the shapes of the result is k.
    """
    seed = _directions(z, directions)
    factors = _layer_factors(network.hidden_layers, network.output_layer, z, seed)
    if network.skip:
        return factors._replace(jacobian=factors.jacobian + network.embed(seed.mT).mT)
    return factors


def graph_factors(
    network: SiluMLP, head: Sequence[nn.Linear], scale: float, z: Tensor, directions: Tensor | None = None
) -> HessianFactors:
    """Factors of the graph immersion z -> (phi(z), scale h(z)) into R^(m+1), h a SiLU MLP with one output.

    Args:
        network: phi.
        head: linear layers of h, a SiLU between them.
        scale: kappa; the curvature is proportional to its square where phi itself is flat.
        z: points, B x n.
        directions: as in `hessian_factors`.
    """
    frame = hessian_factors(network, z, directions)
    height = _layer_factors(list(head[:-1]), head[-1], z, _directions(z, directions))
    *points, m, units = frame.c.shape
    others = height.c.shape[-1]
    above = torch.cat([frame.c, z.new_zeros(*points, m, others)], -1)
    below = torch.cat([z.new_zeros(*points, 1, units), scale * height.c.expand(*points, 1, others)], -1)
    return HessianFactors(
        torch.cat([frame.jacobian, scale * height.jacobian], -2),
        torch.cat([frame.a, height.a], -2),
        torch.cat([above, below], -2),
    )


def metric_derivative(factors: HessianFactors) -> Tensor:
    """First derivative of the induced metric, g_ij,k as [i, j, k] (B, n, n, n), without forming the Hessian.

    From g_ij,k = H^a_ik J_aj + J_ai H^a_jk and the factors: sum_u A_ui A_uk (C^T J)_uj, and the same with i and j
    exchanged.
    """
    tilted = factors.c.mT @ factors.jacobian  # C^T J, (B, K, n)
    pairs = factors.a[:, :, :, None] * factors.a[:, :, None, :]  # A_ui A_uk, (B, K, n, n)
    half: Tensor = (tilted.mT @ pairs.flatten(2)).unflatten(2, pairs.shape[2:]).transpose(1, 2)
    return half + half.transpose(1, 2)


def _directions(z: Tensor, directions: Tensor | None) -> Tensor:
    """Directions that hold for all points (1, n, k), of a grouped network (G, 1, n, k); the coordinates' by default."""
    n = z.shape[-1]
    if directions is None:
        return torch.eye(n, dtype=z.dtype, device=z.device).expand(*z.shape[:-2], 1, n, n)
    return directions.unsqueeze(-3)


def _layer_factors(hidden: Sequence[nn.Linear], output: nn.Linear, z: Tensor, seed: Tensor) -> HessianFactors:
    """Factors of a SiLU MLP without skip, along the columns of `seed` (1 x n x k).

    Tangents are kept as rows, (B, k, h), so that a layer is one matrix product for all points.
    """
    a, moved = z, seed.mT
    tangents, slopes, bends = [], [], []
    for layer in hidden:
        a, slope, bend = silu_derivatives(layer(a), 2)
        along = linear(moved, layer.weight)  # A_l^T, (B, k, h_l); of the first layer (1, k, h_l)
        tangents.append(along.expand(*z.shape[:-1], *along.shape[-2:]))
        slopes.append(slope)
        bends.append(bend)
        moved = slope[..., None, :] * along
    # B_l = d phi / d a_l (m x h_l), from the output back; the last one is the output layer's weight itself
    back: Tensor = output.weight.unsqueeze(-3)
    columns: list[Tensor] = []
    for index in reversed(range(len(bends))):
        columns.append(back * bends[index][..., None, :])
        if index:
            back = linear(back * slopes[index][..., None, :], hidden[index].weight.mT)
    return HessianFactors(linear(moved, output.weight).mT, torch.cat(tangents, -1).mT, torch.cat(columns[::-1], -1))
