"""What every embedding must do: those of the package and a user's own, the example among them."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from gear.config import EmbeddingConfig
from gear.embeddings import EMBEDDINGS, Embedding, get_embedding, prepare
from gear.errors import InputDataError, UnknownNameError
from gear.model import EmbeddingNetwork, MoleculeStore
from gear.training.batching import TrainingData

SMILES = ["CCO", "c1ccccc1CCN", "CC(C)C(=O)OCC1CCCCC1", "C", "CCCCCCCCCCCCCCCC"]
EXAMPLE = "examples.plugins.my_embedding:FunctionalGroups"
JOINED = ["dmpnn+descriptors", "text+fingerprint", f"descriptors+{EXAMPLE}+dmpnn"]
kinds = pytest.mark.parametrize("kind", [*EMBEDDINGS, EXAMPLE, *JOINED])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))


@pytest.fixture
def store(kind):
    return MoleculeStore({kind: get_embedding(kind).features(SMILES)}, torch.device("cpu"))


@kinds
def test_vectors_have_the_width_asked_for_and_train(kind, store):
    embedding = EmbeddingNetwork(EmbeddingConfig(kind, width=24))
    found = embedding(store.batch(torch.arange(5)))
    assert found.shape == (5, 24)
    found.square().sum().backward()
    assert all(parameter.grad is not None for parameter in embedding.parameters())


@kinds
def test_a_molecules_vector_does_not_depend_on_the_others_of_a_batch(kind, store):
    embedding = EmbeddingNetwork(EmbeddingConfig(kind, width=24)).eval()
    together = embedding(store.batch(torch.tensor([4, 2, 0])))
    for place, row in enumerate((4, 2, 0)):
        alone = embedding(store.batch(torch.tensor([row])))
        torch.testing.assert_close(alone[0], together[place])


@kinds
def test_dropout_is_between_its_layers(kind, store):
    embedding = EmbeddingNetwork(EmbeddingConfig(kind, width=24, dropout=0.5))
    batch = store.batch(torch.arange(5))
    assert not torch.equal(embedding(batch), embedding(batch))
    embedding.eval()
    assert torch.equal(embedding(batch), embedding(batch))


@kinds
def test_prepared_molecules_are_those_that_prediction_computes(kind, pair):
    network = EmbeddingNetwork(EmbeddingConfig(kind, width=24)).eval()
    rows = torch.tensor([3, 0, 7])
    prepared = TrainingData(pair, {kind}, torch.device("cpu")).store
    asked = MoleculeStore({kind: get_embedding(kind).features(list(pair.smiles))}, torch.device("cpu"))
    torch.testing.assert_close(network(prepared.batch(rows)), network(asked.batch(rows)), rtol=0, atol=0)


@kinds
def test_other_processes_can_compute_its_features(kind):
    assert pickle.loads(pickle.dumps(get_embedding(kind).features))(SMILES) is not None


def test_text_is_padded_to_the_longest_of_the_batch():
    store = MoleculeStore({"text": SMILES}, torch.device("cpu"))
    assert store.batch(torch.tensor([0, 3])).read_by("text").tolist() == [[*b"CCO"], [*b"C", 0, 0]]


def test_source_may_be_read_in_another_form():
    assert EmbeddingConfig().of_source.kind == "dmpnn"
    assert EmbeddingConfig("text").of_source.kind == "text"
    assert EmbeddingConfig("text", source_kind="fingerprint").of_source.kind == "fingerprint"


def test_names_and_features_of_graphs_need_no_torch():
    code = (
        "import sys; from gear.embeddings import EMBEDDINGS, get_embedding; import search.cli.run_options\n"
        "get_embedding('dmpnn').features(['CCO']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


class Lengths(Embedding):
    """How long a SMILES is."""

    def features(self, smiles):
        return [[len(text)] for text in smiles]

    def network(self, config):
        return torch.nn.Linear(1, config.width)


class Unfinished(Embedding):
    def features(self, smiles):
        return [[1.0] for _ in smiles]


class Flat(Lengths):
    def features(self, smiles):
        return [len(text) for text in smiles]


class Infinite(Lengths):
    def features(self, smiles):
        return [[np.inf if "Cl" in text else 0.0] for text in smiles]


class Narrow(Lengths):
    def network(self, config):
        return torch.nn.Linear(1, 3)


HERE = "own_embeddings"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    get_embedding.cache_clear()


def test_least_that_an_embedding_must_give(pair, monkeypatch):
    kind = f"{HERE}:Lengths"
    found = prepare([kind], pair)[kind]
    assert found[:, 0].tolist() == [len(text) for text in pair.smiles]
    monkeypatch.setattr(Lengths, "features", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(prepare([kind], pair)[kind], found)


def test_features_of_another_version_are_computed_anew(pair, monkeypatch):
    kind = f"{HERE}:Lengths"
    prepare([kind], pair)
    monkeypatch.setattr(Lengths, "features", lambda _, smiles: [[0.0]] * len(smiles))
    assert prepare([kind], pair)[kind].any()
    monkeypatch.setattr(Lengths, "version", "2")
    assert not prepare([kind], pair)[kind].any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Flat", r"Flat: the features of 120 molecules have shape \(120,\): return a row for each"),
        ("Infinite", r"Infinite: a feature of '.*Cl.*' is not a finite number"),
        ("Unfinished", "lacks network: see docs/plugins/embedding.md"),
        ("SMILES", "is not a subclass of gear.embeddings.Embedding"),
        ("Missing", "has no 'Missing'"),
    ],
)
def test_embedding_that_cannot_be_used_is_told_in_a_line(name, message, pair):
    with pytest.raises(InputDataError, match=message):
        prepare([f"{HERE}:{name}"], pair)


def test_vectors_of_another_width_are_refused(pair):
    kind = f"{HERE}:Narrow"
    network = EmbeddingNetwork(EmbeddingConfig(kind, width=24))
    batch = TrainingData(pair, {kind}, torch.device("cpu")).store.batch(torch.arange(5))
    with pytest.raises(InputDataError, match=r"own_embeddings:Narrow gives \(5, 3\) for 5 molecules at width 24"):
        network(batch)


def test_unknown_name_is_told_with_the_known():
    with pytest.raises(
        UnknownNameError, match="unknown embedding 'graph'; known: dmpnn, descriptors, fingerprint, text, my_"
    ):
        get_embedding("graph")
