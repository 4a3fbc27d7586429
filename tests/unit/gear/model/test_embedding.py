"""Embeddings: each kind reads its own form of a molecule, whose vector does not depend on its company."""

import pytest
import torch

from gear.config import EMBEDDINGS, EmbeddingConfig
from gear.data import featurize
from gear.data.molecules.fingerprint import fingerprints
from gear.model import Embedding, MoleculeStore

SMILES = ["CCO", "c1ccccc1CCN", "CC(C)C(=O)OCC1CCCCC1", "C", "CCCCCCCCCCCCCCCC"]
kinds = pytest.mark.parametrize("kind", EMBEDDINGS)


@pytest.fixture
def store():
    return MoleculeStore(
        torch.device("cpu"), graphs=featurize(SMILES), fingerprints=fingerprints(SMILES), smiles=SMILES
    )


@kinds
def test_vectors_have_the_width_asked_for_and_train(kind, store):
    embedding = Embedding(EmbeddingConfig(kind, width=24))
    found = embedding(store.batch(torch.arange(5)))
    assert found.shape == (5, 24)
    found.square().sum().backward()
    assert all(parameter.grad is not None for parameter in embedding.parameters())


@kinds
def test_a_molecules_vector_does_not_depend_on_the_others_of_a_batch(kind, store):
    embedding = Embedding(EmbeddingConfig(kind, width=24)).eval()
    together = embedding(store.batch(torch.tensor([4, 2, 0])))
    for place, row in enumerate((4, 2, 0)):
        alone = embedding(store.batch(torch.tensor([row])))
        torch.testing.assert_close(alone[0], together[place])


@kinds
def test_dropout_is_between_its_layers(kind, store):
    embedding = Embedding(EmbeddingConfig(kind, width=24, dropout=0.5))
    batch = store.batch(torch.arange(5))
    assert not torch.equal(embedding(batch), embedding(batch))
    embedding.eval()
    assert torch.equal(embedding(batch), embedding(batch))


def test_text_is_padded_to_the_longest_of_the_batch(store):
    text = store.batch(torch.tensor([0, 3])).text
    assert text.tolist() == [[*b"CCO"], [*b"C", 0, 0]]


def test_source_may_be_read_in_another_form():
    assert EmbeddingConfig().of_source.kind == "dmpnn"
    assert EmbeddingConfig("text").of_source.kind == "text"
    assert EmbeddingConfig("text", source_kind="fingerprint").of_source.kind == "fingerprint"
