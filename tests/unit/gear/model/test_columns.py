"""The user's feature columns beside the embedding of the molecule."""

import numpy as np
import pytest
import torch

from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.methods import build_method
from gear.methods.base import Method
from gear.methods.spec import MethodSpec
from gear.model import EmbeddingNetwork
from gear.model.columns import ColumnNetwork
from gear.model.molecules import MoleculeStore
from gear.testing.pairs import with_temperatures
from gear.training.batching import TrainingData

CPU = torch.device("cpu")


@pytest.fixture
def fitted():
    network = ColumnNetwork(2, 8)
    network.scaler.fit(torch.tensor([[280.0, 7.0], [320.0, 7.0], [torch.nan, torch.nan]]))
    return network


def test_what_is_not_known_is_read_as_the_mean_of_the_training_points(fitted):
    embedded = torch.randn(3, 8)
    known, unknown = torch.tensor([[300.0, 7.0]] * 3), torch.full((3, 2), torch.nan)
    assert torch.equal(fitted(embedded, known), fitted(embedded, unknown))


def test_a_column_acts_differently_on_different_molecules(fitted):
    embedded = torch.randn(2, 8)
    cold, hot = (fitted(embedded, torch.tensor([[t, 7.0]] * 2)) for t in (280.0, 320.0))
    change = hot - cold
    assert change.abs().min() > 0
    assert not torch.allclose(change[0], change[1], rtol=1e-2)


def test_a_column_that_did_not_vary_in_training_and_one_far_outside_are_harmless(fitted):
    embedded = torch.randn(1, 8)
    assert torch.equal(fitted(embedded, torch.tensor([[300.0, 7.0]])), fitted(embedded, torch.tensor([[300.0, 9.0]])))
    far, farther = (fitted(embedded, torch.tensor([[t, 7.0]])) for t in (1e4, 1e30))
    assert torch.equal(far, farther)


def test_a_column_of_small_numbers_is_read():
    network = ColumnNetwork(1, 8)
    low, high = torch.tensor([[1e-9]]), torch.tensor([[9e-9]])
    network.scaler.fit(torch.cat([low, high]))
    embedded = torch.randn(1, 8)
    assert not torch.equal(network(embedded, low), network(embedded, high))


@pytest.mark.parametrize(("columns", "found"), [(None, "none"), (torch.zeros(1, 1), "1"), (torch.zeros(1, 3), "3")])
def test_missing_columns_are_told(fitted, columns, found):
    with pytest.raises(InputDataError, match=f"reads 2 feature columns, but the molecules have {found}"):
        fitted(torch.zeros(1, 8), columns)


def test_without_columns_a_model_is_what_it_was():
    torch.manual_seed(0)
    plain = build_method(TrialConfig(method="stl"))
    torch.manual_seed(0)
    wide = build_method(TrialConfig(method="stl"), columns=2)
    weights = wide.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in plain.state_dict().items())
    assert {name.split(".")[2] for name in weights.keys() - plain.state_dict().keys()} == {"columns"}


@pytest.mark.parametrize("method", ["gear", "kd", "mtl"])
def test_every_embedding_of_a_method_reads_the_columns(method):
    model = build_method(TrialConfig(method=method), sources=2, columns=3)
    networks = [module for module in model.modules() if isinstance(module, EmbeddingNetwork)]
    assert networks
    assert all(network.columns is not None and network.columns.columns == 3 for network in networks)


class Blind(Method):
    """A method without an embedding."""

    spec = MethodSpec("blind", "sees nothing", ())

    def loss_terms(self, batch, step, generator):
        raise NotImplementedError

    def predict(self, molecules, task=0):
        raise NotImplementedError


def test_a_method_that_reads_no_columns_is_refused():
    with pytest.raises(InputDataError, match="method blind reads no feature columns"):
        Blind(TrialConfig(), 1).read_columns(1)


def test_batches_hold_the_columns_of_their_points(pair):
    data = TrainingData(with_temperatures(pair), ["fingerprint"], CPU)
    count = len(pair.smiles)
    batch = data.batch(torch.tensor([3, count + 3, 2 * count + 3, 0]))
    assert batch.molecules.columns.dtype == torch.float32
    np.testing.assert_array_equal(batch.molecules.columns[:, 0], [280, 320, np.nan, 280])
    bits = batch.molecules.read_by("fingerprint")
    assert torch.equal(bits[0], bits[1])
    assert torch.equal(bits[0], bits[2])
    assert not torch.equal(bits[0], bits[3])
    assert TrainingData(pair, ["fingerprint"], CPU).batch(torch.tensor([0])).molecules.columns is None


def test_a_store_of_molecules_may_have_columns_of_their_own():
    store = MoleculeStore({}, CPU, np.array([[1.0], [2.0]]))
    assert store.batch(torch.tensor([1, 0])).columns.tolist() == [[2], [1]]
