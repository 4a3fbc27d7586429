"""The D-MPNN on packed graphs against chemprop's own message passing."""

import pytest
import torch
from chemprop.data import BatchMolGraph
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from chemprop.nn import AttentiveAggregation, BondMessagePassing, MeanAggregation, NormAggregation, SumAggregation
from rdkit import Chem

from gear.data import ATOM_FEATURES, BOND_FEATURES, featurize
from gear.model import DMPNN, GraphStore
from gear.testing.pairs import molecules

# two equal molecules, molecules without bonds, one in two pieces, an atom with six neighbours
SMILES = ["CCO", "c1ccccc1O", "C", "CC(=O)NC1CCCC1", "C#N", "CCO", "[Na+].[Cl-]", "FS(F)(F)(F)(F)F", "O=C(O)c1ccncc1"]
# a dropout that never drops, but needs a state of its own for every bond and atom
SEPARATE = {"dropout": 1e-30, "dropout_place": "atoms"}
PARTS = [SMILES, ["C"], ["C", "O"], ["CC"], molecules()]


def both(smiles):
    """The same molecules as chemprop's batch and as ours."""
    featurizer = SimpleMoleculeMolGraphFeaturizer()
    theirs = BatchMolGraph([featurizer(Chem.MolFromSmiles(s)) for s in smiles])
    return theirs, GraphStore(featurize(smiles), torch.device("cpu")).batch(torch.arange(len(smiles)))


def value_and_gradients(model, embed):
    """Embeddings, and the gradient of a fixed random combination of them by every weight."""
    model.zero_grad()
    found = embed()
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0))
    (found * weights).sum(1).mean().backward()
    return found.detach(), {
        name: torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
        for name, weight in model.named_parameters()
    }


@pytest.mark.parametrize("smiles", PARTS, ids=len)
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("merged", [True, False])
def test_loads_chemprops_weights_and_equals_it_in_value_and_gradient(smiles, depth, merged):
    theirs, ours = both(smiles)
    torch.manual_seed(depth)
    reference = BondMessagePassing(d_h=32, depth=depth)
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 32, depth, **({} if merged else SEPARATE))
    model.load_state_dict(reference.state_dict())

    expected = value_and_gradients(reference, lambda: NormAggregation()(reference(theirs), theirs.batch))
    found = value_and_gradients(model, lambda: model(ours))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "theirs"), [("norm", NormAggregation(norm=7.0)), ("sum", SumAggregation()), ("mean", MeanAggregation())]
)
@pytest.mark.parametrize("merged", [True, False])
def test_aggregation_equals_chemprops_class_of_its_name(name, theirs, merged):
    batch, ours = both(SMILES)
    torch.manual_seed(0)
    reference = BondMessagePassing(d_h=32, depth=3)
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 32, 3, aggregation=name, norm=7.0, **({} if merged else SEPARATE))
    model.load_state_dict(reference.state_dict())
    expected = value_and_gradients(reference, lambda: theirs(reference(batch), batch.batch))
    torch.testing.assert_close(value_and_gradients(model, lambda: model(ours)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("merged", [True, False])
def test_attentive_aggregation_equals_chemprops_with_its_weights(merged):
    batch, ours = both(SMILES)
    torch.manual_seed(0)
    reference, aggregation = BondMessagePassing(d_h=32, depth=3), AttentiveAggregation(output_size=32)
    torch.nn.init.normal_(aggregation.W.weight)  # larger than at first: the weights of atoms differ by orders
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 32, 3, aggregation="attentive", **({} if merged else SEPARATE))
    theirs = torch.nn.ModuleDict({"passing": reference, "aggregation": aggregation})
    model.load_state_dict(reference.state_dict() | aggregation.state_dict(prefix="aggregation."))
    value, gradients = value_and_gradients(theirs, lambda: aggregation(reference(batch), batch.batch))
    expected = value, {name.removeprefix("passing."): gradient for name, gradient in gradients.items()}
    torch.testing.assert_close(value_and_gradients(model, lambda: model(ours)), expected, rtol=0, atol=1e-5)


def test_attentive_aggregation_stays_finite_where_scores_are_large():
    _, ours = both(SMILES)
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 32, 3, aggregation="attentive")
    torch.nn.init.constant_(model.aggregation.W.weight, 1e4)
    value, gradients = value_and_gradients(model, lambda: model(ours))
    assert all(found.isfinite().all() for found in (value, *gradients.values()))


def test_plain_batch_is_chemprops_batch():
    theirs, ours = both(SMILES)
    torch.testing.assert_close(ours.plain.atoms, theirs.V, rtol=0, atol=5e-8)
    assert torch.equal(ours.plain.bonds, theirs.E)
    assert torch.equal(torch.stack([ours.plain.bond_source, ours.plain.bond_target]), theirs.edge_index)
    assert torch.equal(ours.plain.reverse, theirs.rev_edge_index)
    assert torch.equal(ours.plain.molecule, theirs.batch)


def test_embedding_does_not_depend_on_the_rest_of_the_batch():
    store = GraphStore(featurize(SMILES), torch.device("cpu"))
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 16, 3)
    alone = torch.cat([model(store.batch(torch.tensor([i]))) for i in (3, 0, 5)])
    together = model(store.batch(torch.tensor([3, 0, 5])))
    torch.testing.assert_close(alone, together)


@pytest.mark.parametrize(("place", "alike"), [("states", True), ("atoms", False), ("molecule", False)])
def test_dropout_is_the_same_for_equal_molecules_only_where_states_are_dropped(place, alike):
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 64, 3, dropout=0.5, dropout_place=place)
    twins = GraphStore(featurize(["CCCC", "CCCC"]), torch.device("cpu")).batch(torch.tensor([0, 1]))
    first, second = model(twins)
    assert torch.equal(first, second) is alike
    assert not torch.equal(first, model(twins)[0])
    first, second = model.eval()(twins)
    assert torch.equal(first, second)


def test_dropout_at_the_molecule_keeps_or_drops_what_is_embedded_without_it():
    _, batch = both(SMILES)
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 64, 3, dropout=0.25, dropout_place="molecule")
    dropped, whole = model(batch), model.eval()(batch)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], whole[kept] / 0.75, rtol=1e-4, atol=0)
    assert 0.6 < kept[whole != 0].float().mean() < 0.9


def test_same_batch_gives_the_same_bits():
    _, ours = both(SMILES)
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 32, 3)
    value, gradients = value_and_gradients(model, lambda: model(ours))
    again, gradients_again = value_and_gradients(model, lambda: model(ours))
    assert torch.equal(value, again)
    assert all(torch.equal(gradient, gradients_again[name]) for name, gradient in gradients.items())
