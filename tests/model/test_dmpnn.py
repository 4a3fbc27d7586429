"""The D-MPNN on packed graphs against chemprop's own message passing."""

import pytest
import torch
from chemprop.data import BatchMolGraph
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from chemprop.nn import BondMessagePassing, MeanAggregation
from rdkit import Chem

from gear.data import ATOM_FEATURES, BOND_FEATURES, featurize
from gear.model import DMPNN, GraphStore

SMILES = ["CCO", "c1ccccc1O", "C", "CC(=O)NC1CCCC1", "C#N", "O=C(O)c1ccncc1"]


@pytest.fixture(scope="module")
def batches():
    """The same molecules as chemprop's batch and as ours."""
    featurizer = SimpleMoleculeMolGraphFeaturizer()
    theirs = BatchMolGraph([featurizer(Chem.MolFromSmiles(s)) for s in SMILES])
    store = GraphStore(featurize(SMILES), torch.device("cpu"))
    return theirs, store.batch(torch.arange(len(SMILES)))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_loads_chemprops_weights_and_equals_it_in_value_and_gradient(batches, depth):
    theirs, ours = batches
    torch.manual_seed(depth)
    reference = BondMessagePassing(d_h=32, depth=depth)
    model = DMPNN(ours.atoms.shape[1], ours.bonds.shape[1], 32, depth)
    model.load_state_dict(reference.state_dict())

    expected = MeanAggregation()(reference(theirs), theirs.batch)
    found = model(ours)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)

    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (found * weights).sum().backward()
    gradients = dict(reference.named_parameters())
    for name, parameter in model.named_parameters():
        if gradients[name].grad is not None:
            torch.testing.assert_close(parameter.grad, gradients[name].grad, rtol=0, atol=1e-5)


def test_embedding_does_not_depend_on_the_rest_of_the_batch():
    store = GraphStore(featurize(SMILES), torch.device("cpu"))
    model = DMPNN(ATOM_FEATURES, BOND_FEATURES, 16, 3)
    alone = torch.cat([model(store.batch(torch.tensor([i]))) for i in (3, 0, 5)])
    together = model(store.batch(torch.tensor([3, 0, 5])))
    torch.testing.assert_close(alone, together)
