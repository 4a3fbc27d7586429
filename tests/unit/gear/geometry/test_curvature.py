"""The factorised Ricci scalar against analytic surfaces and against nested automatic differentiation."""

import pytest
import torch
from torch.func import hessian, jacfwd, vmap

from gear.geometry import (
    SiluMLP,
    checked_cholesky,
    derivatives,
    graph_curvature,
    hessian_factors,
    jacobian,
    network_curvature,
    principal_directions,
    scalar_curvature,
)


def double_network(n, m, hidden, seed=0, skip=True):
    torch.manual_seed(seed)
    return SiluMLP(n, m, hidden, skip=skip).double()


def autodiff(function, z):
    """Jacobian and Hessian of an arbitrary immersion by nested forward-mode autodiff."""
    return vmap(jacfwd(function))(z), vmap(jacfwd(jacfwd(function)))(z)


@pytest.mark.parametrize("hidden", [(7,), (7, 5), (6, 7, 5), (6, 5, 7, 4)])
@pytest.mark.parametrize("skip", [True, False])
def test_closed_form_derivatives_equal_torch_func(hidden, skip):
    network = double_network(4, 6, hidden, skip=skip)
    z = torch.randn(3, 4, dtype=torch.float64)
    found = derivatives(network, z, 3)
    jac, hess = autodiff(network, z)
    torch.testing.assert_close(found.value, network(z))
    torch.testing.assert_close(found.jacobian, jac, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.hessian, hess, rtol=1e-10, atol=1e-10)
    third = vmap(jacfwd(hessian(network)))(z)
    torch.testing.assert_close(found.third, third, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("hidden", [(7,), (7, 5)])
@pytest.mark.parametrize("skip", [True, False])
def test_jacobian_along_vectors_is_the_jacobian_times_them(hidden, skip):
    network = double_network(4, 6, hidden, skip=skip)
    z, along = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, 2, dtype=torch.float64)
    whole = derivatives(network, z, 1).jacobian
    torch.testing.assert_close(jacobian(network, z), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(jacobian(network, z, along), whole @ along, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 0), (2, 2)])
def test_metrics_that_are_not_finite_are_flagged(value, row, column):
    metric = torch.eye(3)[None].repeat(2, 1, 1)
    metric[1, row, column] = metric[1, column, row] = value
    assert checked_cholesky(metric)[1].tolist() == [False, True]


@pytest.mark.parametrize("hidden", [(7,), (7, 5), (6, 7, 5)])
def test_factors_multiply_to_the_hessian(hidden):
    network = double_network(4, 6, hidden)
    z = torch.randn(3, 4, dtype=torch.float64)
    factors = hessian_factors(network, z)
    dense = derivatives(network, z, 2)
    built = torch.einsum("bak,bki,bkj->baij", factors.c, factors.a, factors.a)
    torch.testing.assert_close(built, dense.hessian, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(factors.jacobian, dense.jacobian, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("radius", [1.0, 2.5])
def test_sphere_has_the_curvature_of_a_sphere(n, radius):
    def stereographic(x):
        square = (x * x).sum()
        return radius * torch.cat([2 * x, (square - 1)[None]]) / (1 + square)

    z = torch.randn(5, n, dtype=torch.float64)
    scalar = scalar_curvature(*autodiff(stereographic, z))
    torch.testing.assert_close(scalar, torch.full_like(scalar, n * (n - 1) / radius**2), rtol=1e-9, atol=0)


def test_saddle_is_negatively_curved():
    def saddle(x):
        return torch.cat([x, ((x[0] ** 2 - x[1] ** 2) / 2)[None]])

    scalar = scalar_curvature(*autodiff(saddle, torch.zeros(1, 2, dtype=torch.float64)))
    torch.testing.assert_close(scalar, torch.tensor([-2.0], dtype=torch.float64))


def test_developable_surface_is_flat():
    def cylinder(x):
        return torch.stack([torch.cos(x[0]), torch.sin(x[0]), x[1]])

    scalar = scalar_curvature(*autodiff(cylinder, torch.randn(4, 2, dtype=torch.float64)))
    assert scalar.abs().max() < 1e-12


@pytest.mark.parametrize(("m", "hidden"), [(6, (9,)), (12, (8, 7)), (30, (6, 6, 6))])
def test_factorised_route_equals_nested_autodiff(m, hidden):
    network = double_network(5, m, hidden)
    z = torch.randn(4, 5, dtype=torch.float64)
    found = network_curvature(network, z)
    expected = scalar_curvature(*autodiff(network, z))
    assert expected.abs().min() > 1e-3
    torch.testing.assert_close(found.scalar, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.rho * 20, found.scalar)
    assert not found.failed.any()


def test_slice_equals_nested_autodiff_of_the_restricted_map():
    network = double_network(6, 6, (9,))
    z = torch.randn(4, 6, dtype=torch.float64)
    directions = principal_directions(torch.randn(40, 6, dtype=torch.float64), 3)

    def restricted(point):
        return lambda x: network(point + directions @ x)

    origin = torch.zeros(1, 3, dtype=torch.float64)
    expected = torch.cat([scalar_curvature(*autodiff(restricted(point), origin)) for point in z])
    found = network_curvature(network, z, directions).scalar
    assert expected.abs().min() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_equal_widths_are_flat_whatever_the_weights():
    found = network_curvature(double_network(6, 6, (9, 8), seed=3), torch.randn(8, 6, dtype=torch.float64))
    assert found.scalar.abs().max() < 1e-9


def test_mean_curvature_vector_is_normal_to_the_surface():
    network = double_network(4, 7, (9,))
    z = torch.randn(3, 4, dtype=torch.float64)
    found = network_curvature(network, z)
    along = (hessian_factors(network, z).jacobian.mT @ found.mean_curvature[..., None]).abs().max()
    assert along < 1e-12
    assert found.mean_curvature.norm(dim=1).min() > 1e-3


def test_gradients_pass_gradcheck():
    network = double_network(3, 5, (4,))
    z = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    weights = tuple(network.parameters())

    def scalar(point, *_):
        return network_curvature(network, point).scalar

    assert torch.autograd.gradcheck(scalar, (z, *weights))


def test_single_precision_is_within_a_per_cent_of_double_at_the_default_size():
    torch.manual_seed(0)
    network = SiluMLP(50, 50, (64,))
    z = torch.randn(16, 50)
    directions = principal_directions(torch.randn(128, 50), 24)
    single = network_curvature(network, z, directions)
    double = network_curvature(network.double(), z.double(), directions.double())
    torch.testing.assert_close(single.scalar.double(), double.scalar, rtol=1e-2, atol=1e-4)


def test_near_singular_metrics_are_flagged_and_leave_finite_gradients():
    metric = torch.stack([torch.eye(3), torch.diag(torch.tensor([1.0, 1.0, 1e-12])), torch.full((3, 3), torch.nan)])
    metric.requires_grad_(True)
    factor, failed = checked_cholesky(metric)
    assert failed.tolist() == [False, True, True]
    factor.sum().backward()
    assert metric.grad.isfinite().all()


def test_rank_deficient_jacobian_gives_zero_curvature_and_zero_gradient():
    network = SiluMLP(4, 6, (5,), skip=False)
    torch.nn.init.zeros_(network.output_layer.weight)
    found = network_curvature(network, torch.randn(3, 4))
    assert found.failed.all()
    assert found.scalar.tolist() == [0, 0, 0]
    found.scalar.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_molecules_at_one_point_have_directions_too(monkeypatch):
    """LAPACK may not converge for a covariance that is all rounding error: no trial fails by that."""

    def never_converges(_: torch.Tensor) -> None:
        raise torch.linalg.LinAlgError("did not converge")

    monkeypatch.setattr(torch.linalg, "eigh", never_converges)
    directions = principal_directions(torch.zeros(7, 5), 2)
    torch.testing.assert_close(directions.mT @ directions, torch.eye(2))


def test_principal_directions_are_orthonormal_and_leading():
    z = torch.randn(200, 5) * torch.tensor([5.0, 0.1, 3.0, 0.1, 0.1])
    directions = principal_directions(z, 2)
    torch.testing.assert_close(directions.T @ directions, torch.eye(2), atol=1e-5, rtol=0)
    assert directions[0, 0].abs() > 0.99
    assert directions[2, 1].abs() > 0.99


def small_head(n, seed=1):
    torch.manual_seed(seed)
    return [torch.nn.Linear(a, b).double() for a, b in ((n, 6), (6, 5), (5, 1))]


def height(head):
    def h(x):
        for layer in head[:-1]:
            x = torch.nn.functional.silu(layer(x))
        return head[-1](x)

    return h


@pytest.mark.parametrize("m", [4, 7])
def test_graph_equals_nested_autodiff_of_the_stacked_map(m):
    network, head = double_network(4, m, (6, 5)), small_head(4)
    for layer in head:
        layer.weight.data *= 3
    z = torch.randn(3, 4, dtype=torch.float64)
    h = height(head)
    expected = scalar_curvature(*autodiff(lambda x: torch.cat([network(x), 0.7 * h(x)]), z))
    found = graph_curvature(network, head, 0.7, z)
    assert expected.abs().min() > 1e-4
    torch.testing.assert_close(found.scalar, expected, rtol=1e-10, atol=1e-12)


def test_graph_over_equal_widths_curves_with_the_square_of_its_scale():
    network, head = double_network(4, 4, (6,)), small_head(4)
    z = torch.randn(5, 4, dtype=torch.float64)
    small, smaller = (graph_curvature(network, head, scale, z).scalar for scale in (1e-2, 1e-3))
    torch.testing.assert_close(small, 100 * smaller, rtol=1e-2, atol=1e-9)


def test_graph_of_a_head_that_sees_one_direction_is_flat():
    network, head = double_network(4, 4, (6,)), small_head(4)
    with torch.no_grad():
        network.output_layer.weight.zero_()  # phi is the skip: frame and latent coordinates are the same
        head[0].weight[:] = torch.ones(6, 1, dtype=torch.float64) @ torch.randn(1, 4, dtype=torch.float64)
    found = graph_curvature(network, head, 1.0, torch.randn(5, 4, dtype=torch.float64))
    assert found.scalar.abs().max() < 1e-12
