"""Trains a D-MPNN to predict what follows from a molecule itself (`gear.pretrain.targets`).

The targets are predicted linearly from the embedding, by a layer that is thrown away afterwards. With a perceptron in
its place embeddings served less well where labels are few (docs/training.md). A twentieth of the molecules is held out,
on which the share of explained variance is measured; nothing is chosen by it.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from gear.data.molecules.pack import PackedGraphs
from gear.errors import InputDataError
from gear.model.dmpnn import DMPNN
from gear.model.graphs import GraphStore
from gear.pretrain.recipe import Recipe
from gear.pretrain.weights import Weights, new_network

__all__ = ["Trained", "train"]

HELD_OUT = 0.05
FEWEST = 100  # molecules that are worth a training
CLIP = 5.0  # norm of the gradient
EVALUATED = 1024  # molecules at once


class Trained(NamedTuple):
    """Trained weights, and how many molecules a second were trained on."""

    weights: Weights
    molecules_per_second: float


class _Data(NamedTuple):
    store: GraphStore
    targets: Tensor  # (M, T)


def train(recipe: Recipe, graphs: PackedGraphs, targets: Tensor) -> Trained:
    """Train on M molecules, on one thread of the CPU; a function of the arguments and the machine.

    Args:
        recipe: shape, length and seed.
        graphs: of the M molecules.
        targets: (M, T) of each.

    Raises:
        InputDataError: too few molecules.
    """
    if len(graphs) < FEWEST:
        raise InputDataError(f"pretraining needs at least {FEWEST} molecules, there are {len(graphs)}")
    data = _Data(GraphStore(graphs, torch.device("cpu")), targets)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(recipe.seed)
        network = new_network(recipe.shape)
        model = nn.Sequential(network, nn.Linear(recipe.shape.width, targets.shape[1]))
        order = torch.randperm(len(graphs))
        held_out, rows = order.tensor_split([round(HELD_OUT * len(graphs))])
        started = time.perf_counter()
        _fit(model, data, rows, recipe)
    speed = recipe.passes * len(rows) / (time.perf_counter() - started)
    facts = {
        "origin": "gear-search pretrain",
        "molecules": len(graphs),
        "targets": targets.shape[1],
        "explained": round(_explained(model, data, held_out), 4),
        "passes": recipe.passes,
        "seed": recipe.seed,
    }
    return Trained(Weights(recipe.shape, _weights_of(network), facts), speed)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """A model of this size gains nothing from a second thread, and its numbers would depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(model: nn.Module, data: _Data, rows: Tensor, recipe: Recipe) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-4, fused=True)
    steps = -(-len(rows) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.passes * steps, pct_start=0.1
    )
    total = recipe.passes * len(rows)
    with tqdm(total=total, desc="pretraining", unit=" molecules", disable=None, leave=False) as bar:
        for _ in range(recipe.passes):
            for part in rows[torch.randperm(len(rows))].tensor_split(steps):
                loss = functional.mse_loss(model(data.store.batch(part)), data.targets[part])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), CLIP)
                optimizer.step()
                schedule.step()
                bar.update(len(part))


@torch.no_grad()
def _explained(model: nn.Module, data: _Data, rows: Tensor) -> float:
    """Share of the variance of all targets that a model explains."""
    truth = data.targets[rows]
    found = torch.cat([model(data.store.batch(part)) for part in rows.split(EVALUATED)])
    return 1 - float((found - truth).square().sum() / (truth - truth.mean(0)).square().sum())


def _weights_of(network: DMPNN) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
