"""On a GPU: the numbers of the CPU, the same bits twice, and a host that never waits."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from gear.config import EmbeddingConfig, EncoderConfig
from gear.data import featurize
from gear.geometry import SiluMLP, network_curvature, principal_directions
from gear.methods.losses import labelled_mse
from gear.model import HeadedNetwork, MoleculeStore
from gear.testing.pairs import molecules
from gear.training.flat import FlatWeights, Moments, Rates

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none"),
]


@contextmanager
def host_must_not_wait() -> Iterator[None]:
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def network(device, dropout=0.0):
    torch.manual_seed(0)
    return HeadedNetwork(EmbeddingConfig(dropout=dropout), EncoderConfig()).to(device)


def stored(device):
    return MoleculeStore({"dmpnn": featurize(molecules())}, torch.device(device))


def latent_and_gradients(device):
    model, store = network(device), stored(device)
    z = model.latent(store.batch(torch.arange(64)))
    weights = torch.randn(z.shape, generator=torch.Generator().manual_seed(0)).to(device)
    (z * weights).sum(1).mean().backward()
    return [z.detach().cpu(), *(p.grad.cpu() for p in model.parameters() if p.grad is not None)]


def test_network_agrees_with_the_cpu():
    torch.testing.assert_close(latent_and_gradients("cuda"), latent_and_gradients("cpu"), rtol=1e-3, atol=3e-4)


def test_network_gives_the_same_bits_twice():
    assert all(
        torch.equal(a, b) for a, b in zip(latent_and_gradients("cuda"), latent_and_gradients("cuda"), strict=True)
    )


def curvature_and_gradient(device):
    torch.manual_seed(0)
    phi, points = SiluMLP(50, 50, (64,)).to(device), torch.randn(16, 50)
    directions = principal_directions(points, 24).to(device)  # where variances are close, devices choose differently
    z = points.to(device).requires_grad_()
    scalar = network_curvature(phi, z, directions).scalar
    scalar.mean().backward()
    return [scalar.detach().cpu(), z.grad.cpu()]


def test_curvature_agrees_with_the_cpu():
    torch.testing.assert_close(curvature_and_gradient("cuda"), curvature_and_gradient("cpu"), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_training_step_lets_the_host_run_ahead(dropout):
    device = torch.device("cuda")
    store, model = stored(device), network(device, dropout)
    labels, average = torch.randn(64, device=device), copy.deepcopy(model)
    flat = FlatWeights(model, average, [model], [average], [Moments.none_yet(model)])

    def step(rows):
        labelled_mse(model(store.batch(rows)), labels).backward()
        flat.step([Rates(1e-3, 1e-4, clip=5.0, averaged=0.02)])

    step(torch.arange(64))  # loads kernels
    with host_must_not_wait():
        for first in range(8):
            step(torch.arange(first, first + 64))
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_curvature_along_given_directions_lets_the_host_run_ahead():
    phi, z = SiluMLP(50, 50, (64,)).cuda(), torch.randn(16, 50).cuda().requires_grad_()
    directions = principal_directions(z, 24)
    found = network_curvature(phi, z, directions)
    with host_must_not_wait():
        found = network_curvature(phi, z, directions)
        (found.scalar.mean() + found.mean_curvature.square().mean()).backward()
