"""What the curvature benchmark compares: four ways to the curvature, two ways to the metric's derivatives.

Each peer takes (network, z) and returns a tensor with one row a molecule, differentiable by the weights.
"""

import torch
from torch import Tensor
from torch.func import functional_call, jacfwd, jacrev, vmap

from gear.geometry import (
    SiluMLP,
    derivatives,
    hessian_factors,
    jacobian,
    metric_derivative,
    network_curvature,
    principal_directions,
    reference_from_derivatives,
    scalar_curvature,
)

N, HIDDEN = 50, (64, 64)


def network(m: int, hidden: tuple[int, ...] = HIDDEN) -> SiluMLP:
    """A transfer module as a trial starts with."""
    torch.manual_seed(0)
    return SiluMLP(N, m, hidden)


def phi(net: SiluMLP):
    """The network as a function of one point."""
    parameters = dict(net.named_parameters())
    return lambda x: functional_call(net, parameters, (x,))


def floor(net: SiluMLP, z: Tensor) -> Tensor:
    """J and g alone."""
    jac = jacobian(net, z)
    return jac.mT @ jac


def gauss(net: SiluMLP, z: Tensor) -> Tensor:
    """This project's default."""
    return network_curvature(net, z).scalar


def on_slice(net: SiluMLP, z: Tensor, rank: int) -> Tensor:
    """The default at equal widths."""
    return network_curvature(net, z, principal_directions(z if len(z) > rank else torch.randn(2 * N, N), rank)).scalar


def third_derivatives(net: SiluMLP, z: Tensor) -> Tensor:
    """The published route: analytic derivatives up to third order, then Christoffel symbols and so on."""
    found = derivatives(net, z, 3)
    return reference_from_derivatives(found.jacobian, found.hessian, found.third).scalar


def autodiff(net: SiluMLP, z: Tensor) -> Tensor:
    """Nested forward-mode differentiation of the network, then the Gauss equation."""
    first = jacfwd(phi(net))
    return scalar_curvature(vmap(first)(z), vmap(jacfwd(jacfwd(phi(net))))(z))


def autodiff_published(net: SiluMLP, z: Tensor) -> Tensor:
    """The published formulas with every derivative taken automatically, forward mode: metric, Christoffel, Riemann."""
    metric = _metric(net, jacfwd)

    def christoffel(x: Tensor) -> Tensor:
        slope = jacfwd(metric)(x)  # g_ij,k as [i, j, k]
        lowered = (
            torch.einsum("ilj->lij", slope) + torch.einsum("jli->lij", slope) - torch.einsum("ijl->lij", slope)
        ) / 2
        return torch.einsum("kl,lij->kij", torch.linalg.inv(metric(x)), lowered)

    def scalar(x: Tensor) -> Tensor:
        gamma, slope = christoffel(x), jacfwd(christoffel)(x)
        ricci = torch.einsum("jikj->ik", slope) - torch.einsum("jijk->ik", slope)
        ricci = ricci + torch.einsum("jjp,pik->ik", gamma, gamma) - torch.einsum("jkp,pij->ik", gamma, gamma)
        return (torch.linalg.inv(metric(x)) * ricci).sum()

    return vmap(scalar)(z)


def metric_analytic(net: SiluMLP, z: Tensor) -> Tensor:
    """First derivatives of g, which take second derivatives of the network, from closed forms."""
    return metric_derivative(hessian_factors(net, z))


def metric_reverse(net: SiluMLP, z: Tensor) -> Tensor:
    """The same by reverse-mode over reverse-mode differentiation."""
    return vmap(jacrev(_metric(net, jacrev)))(z)


def metric_forward(net: SiluMLP, z: Tensor) -> Tensor:
    """The same by forward mode over forward mode."""
    return vmap(jacfwd(_metric(net, jacfwd)))(z)


def _metric(net: SiluMLP, differentiate):
    def metric(x: Tensor) -> Tensor:
        jac = differentiate(phi(net))(x)
        return jac.T @ jac

    return metric
