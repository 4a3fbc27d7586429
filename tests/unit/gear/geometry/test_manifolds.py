"""Surfaces whose curvature is known, through both routes, and the invariances of the curvature."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.func import jacfwd, vmap

from gear.geometry import (
    HessianFactors,
    SiluMLP,
    checked_cholesky,
    curvature_of,
    derivatives,
    hessian_factors,
    metric_derivative,
    network_curvature,
    reference_curvature,
    reference_from_derivatives,
    scalar_curvature,
)
from gear.geometry.reference import metric_derivatives


def autodiff(function, z):
    """First, second and third derivatives of an immersion."""
    first, second, third = jacfwd(function), jacfwd(jacfwd(function)), jacfwd(jacfwd(jacfwd(function)))
    return vmap(first)(z), vmap(second)(z), vmap(third)(z)


def both_routes(function, z):
    jac, hess, third = autodiff(function, z)
    return scalar_curvature(jac, hess), reference_from_derivatives(jac, hess, third).scalar


def stereographic(x):
    square = (x * x).sum()
    return torch.cat([2 * x, (square - 1)[None]]) / (1 + square)


def sphere_graph(x):
    return torch.cat([x, (1 - (x * x).sum()).sqrt()[None]])


def points(n, count=4, seed=0, scale=0.3):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, n, dtype=torch.float64, generator=generator) / math.sqrt(n)


SURFACES = {
    # name: (immersion, dimension, R)
    "unit 2-sphere": (stereographic, 2, 2.0),
    "unit 3-sphere": (stereographic, 3, 6.0),
    "unit 10-sphere": (stereographic, 10, 90.0),
    "unit 2-sphere as a graph": (sphere_graph, 2, 2.0),
    "unit 3-sphere as a graph": (sphere_graph, 3, 6.0),
    "sphere of radius 3": (lambda x: 3 * stereographic(x), 3, 6 / 9),
    "Clifford torus": (lambda x: torch.cat([x.cos(), x.sin()]) / math.sqrt(2), 2, 0.0),
    "cylinder": (lambda x: torch.stack([x[0].cos(), x[0].sin(), x[1]]), 2, 0.0),
    "cone": (lambda x: (1 + x[1]) * torch.stack([x[0].cos(), x[0].sin(), torch.ones_like(x[0])]), 2, 0.0),
    "tangent developable": (
        lambda x: (
            torch.stack([x[0], x[0] ** 2, x[0] ** 3])
            + (1 + x[1]) * torch.stack([torch.ones_like(x[0]), 2 * x[0], 3 * x[0] ** 2])
        ),
        2,
        0.0,
    ),
    "pseudosphere": (
        lambda x: torch.stack(
            [x[0].cos() / (1 + x[1]).cosh(), x[0].sin() / (1 + x[1]).cosh(), 1 + x[1] - (1 + x[1]).tanh()]
        ),
        2,
        -2.0,
    ),
    "product of a 2-sphere and a 3-sphere": (
        lambda x: torch.cat([stereographic(x[:2]), 2 * stereographic(x[2:])]),
        5,
        2 + 6 / 4,
    ),
    "equal widths": (lambda x: x + 0.2 * (x.roll(1)).sin(), 4, 0.0),
}


@pytest.mark.parametrize("name", SURFACES)
def test_known_surfaces(name):
    immersion, n, expected = SURFACES[name]
    for scalar in both_routes(immersion, points(n)):
        torch.testing.assert_close(scalar, torch.full_like(scalar, expected), rtol=1e-9, atol=1e-9)


def test_sphere_of_fifty_dimensions():
    z = points(50, count=2)
    jac, hess = vmap(jacfwd(stereographic))(z), vmap(jacfwd(jacfwd(stereographic)))(z)
    torch.testing.assert_close(scalar_curvature(jac, hess) / (50 * 49), torch.ones(2, dtype=torch.float64))


def test_saddle_and_quadratic_graphs_at_the_origin():
    for curvatures in ([1.0, -1.0], [1.0, 2.0, -0.5], [0.3, 0.3, 0.3, 2.0]):
        k = torch.tensor(curvatures, dtype=torch.float64)
        origin = torch.zeros(1, len(k), dtype=torch.float64)
        expected = k.sum() ** 2 - (k * k).sum()  # 2 sum_{i<j} k_i k_j
        for scalar in both_routes(lambda x, k=k: torch.cat([x, 0.5 * (k * x * x).sum()[None]]), origin):
            torch.testing.assert_close(scalar[0], expected)


def network(seed, n=4, m=7, hidden=(6, 5)):
    torch.manual_seed(seed)
    return SiluMLP(n, m, hidden).double(), torch.randn(3, n, dtype=torch.float64)


def well_conditioned(net, z):
    jac = derivatives(net, z, 1).jacobian
    return bool((torch.linalg.cond(jac.mT @ jac) < 1e3).all())


seeds = st.integers(0, 10_000)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, m=st.integers(5, 9))
def test_both_routes_agree_on_random_networks(seed, m):
    net, z = network(seed, m=m)
    assume(well_conditioned(net, z))
    gauss, reference = network_curvature(net, z), reference_curvature(net, z)
    torch.testing.assert_close(gauss.scalar, reference.scalar, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gauss.metric, reference.metric)


def test_riemann_tensor_has_its_symmetries():
    net, z = network(3)
    found = reference_curvature(net, z)
    lowered = torch.einsum("blm,bmijk->blijk", found.metric, found.riemann)
    torch.testing.assert_close(lowered, -lowered.transpose(3, 4))
    torch.testing.assert_close(lowered, -lowered.transpose(1, 2))
    torch.testing.assert_close(lowered, lowered.permute(0, 3, 4, 1, 2))
    cyclic = lowered + lowered.permute(0, 1, 3, 4, 2) + lowered.permute(0, 1, 4, 2, 3)
    assert cyclic.abs().max() < 1e-10
    torch.testing.assert_close(found.ricci, found.ricci.mT)


def changed(factors, **change):
    return curvature_of(factors._replace(**change)).scalar


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_invariances(seed):
    net, z = network(seed)
    assume(well_conditioned(net, z))
    factors = hessian_factors(net, z)
    scalar = curvature_of(factors).scalar
    same = {"rtol": 1e-9, "atol": 1e-10}
    generator = torch.Generator().manual_seed(seed)
    rotation, _ = torch.linalg.qr(torch.randn(7, 7, dtype=torch.float64, generator=generator))
    rotated = changed(factors, jacobian=rotation @ factors.jacobian, c=rotation @ factors.c)
    torch.testing.assert_close(rotated, scalar, **same)

    linear = torch.eye(4, dtype=torch.float64) + 0.2 * torch.randn(4, 4, dtype=torch.float64, generator=generator)
    recoordinated = changed(factors, jacobian=factors.jacobian @ linear, a=factors.a @ linear)
    torch.testing.assert_close(recoordinated, scalar, **same)

    scaled = changed(factors, jacobian=3 * factors.jacobian, c=3 * factors.c)
    torch.testing.assert_close(9 * scaled, scalar, **same)

    order = torch.randperm(factors.a.shape[1], generator=generator)
    torch.testing.assert_close(changed(factors, a=factors.a[:, order], c=factors.c[:, :, order]), scalar, **same)

    backwards = HessianFactors(*(tensor.flip(0) for tensor in factors))
    torch.testing.assert_close(curvature_of(backwards).scalar, scalar.flip(0), **same)


def test_translating_the_frame_changes_nothing():
    net, z = network(0)
    before = network_curvature(net, z).scalar
    net.output_layer.bias.data += 5
    torch.testing.assert_close(network_curvature(net, z).scalar, before)


def test_mean_curvature_of_a_sphere_points_inwards():
    jac, hess, _ = autodiff(lambda x: 2 * stereographic(x), points(3))
    factor, _ = checked_cholesky(jac.mT @ jac)
    inverse = torch.cholesky_inverse(factor)
    trace = torch.einsum("bij,baij->ba", inverse, hess)
    normal = trace - (jac @ inverse @ jac.mT @ trace[..., None])[..., 0]
    torch.testing.assert_close(normal.norm(dim=1), torch.full((4,), 3 / 2, dtype=torch.float64))


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_second_form_squared_is_its_own_definition(seed):
    net, z = network(seed)
    assume(well_conditioned(net, z))
    found, dense = network_curvature(net, z), derivatives(net, z, 2)
    inverse = torch.linalg.inv(found.metric)
    projector = torch.eye(7, dtype=torch.float64) - dense.jacobian @ inverse @ dense.jacobian.mT
    second = torch.einsum("bac,bcij->baij", projector, dense.hessian)
    raised = torch.einsum("bik,bakl,blj->baij", inverse, second, inverse)
    torch.testing.assert_close(found.second_form, (second * raised).sum((1, 2, 3)), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("chunk", [1, 2**6, 2**30])
def test_chunks_change_nothing(chunk, monkeypatch):
    net, z = network(1)
    expected = network_curvature(net, z).scalar
    monkeypatch.setattr("gear.geometry.gauss.CHUNK_ENTRIES", chunk)
    torch.testing.assert_close(network_curvature(net, z).scalar, expected)


def test_the_sum_of_scalars_has_the_gradient_of_nested_autodiff():
    net, z = network(2)
    z.requires_grad_(True)

    def dense(point):
        return vmap(jacfwd(net))(point), vmap(jacfwd(jacfwd(net)))(point)

    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    parameters = [z, *net.parameters()]
    expected = torch.autograd.grad((weights * scalar_curvature(*dense(z))).sum(), parameters, allow_unused=True)
    found = torch.autograd.grad((weights * network_curvature(net, z).scalar).sum(), parameters, allow_unused=True)
    for mine, theirs in zip(found, expected, strict=True):
        if theirs is not None:
            torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-9)


def test_metric_derivative_from_factors_is_that_of_the_reference():
    net, z = network(4)
    found = derivatives(net, z, 3)
    expected = metric_derivatives(found.jacobian, found.hessian, found.third).first
    torch.testing.assert_close(metric_derivative(hessian_factors(net, z)), expected)
