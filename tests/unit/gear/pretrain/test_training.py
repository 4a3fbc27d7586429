"""The pretraining itself: learns, the same way from the same seed, without touching the process's randomness."""

import numpy as np
import pytest
import torch

from gear.data import featurize
from gear.errors import InputDataError
from gear.pretrain.recipe import Recipe, Shape
from gear.pretrain.training import train
from gear.testing.pairs import molecules

RECIPE = Recipe(Shape(16, 2), passes=30, batch_size=20)


@pytest.fixture(scope="module")
def graphs():
    return featurize(molecules())


@pytest.fixture(scope="module")
def targets():
    """Counts of letters, which a D-MPNN can learn."""
    counts = np.array([[text.count(sign) for sign in "CcON("] for text in molecules()], np.float32)
    return torch.from_numpy((counts - counts.mean(0)) / counts.std(0))


def same(one, other):
    return all(torch.equal(tensor, other.weights.tensors[name]) for name, tensor in one.weights.tensors.items())


def test_it_learns_to_predict_the_targets(graphs, targets):
    found = train(RECIPE, graphs, targets)
    assert found.weights.facts["explained"] > 0.5
    assert (found.weights.facts["molecules"], found.weights.facts["targets"]) == (120, 5)
    assert found.molecules_per_second > 0


def test_the_seed_decides_and_nothing_else(graphs, targets):
    short = Recipe(Shape(16, 2), passes=1, batch_size=20)
    torch.manual_seed(1)
    one = train(short, graphs, targets)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))  # the process's generator is left as it was
    torch.manual_seed(2)
    torch.set_num_threads(2)
    try:
        assert same(one, train(short, graphs, targets))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert not same(one, train(Recipe(Shape(16, 2), passes=1, batch_size=20, seed=1), graphs, targets))


def test_too_few_molecules_are_refused(targets):
    with pytest.raises(InputDataError, match="needs at least 100 molecules, there are 5"):
        train(RECIPE, featurize(molecules()[:5]), targets[:5])
