"""Fingerprints: what they count, and that they are computed once."""

import numpy as np
import pytest
import torch

from gear.config import EmbeddingConfig
from gear.embeddings import get_embedding
from gear.embeddings.feature_cache import cached_features
from gear.embeddings.fingerprint import COUNTS, DESCRIPTORS, FingerprintEmbedding
from gear.errors import InputDataError
from gear.model.input_scaler import CLIP

SMILES = ["CCO", "c1ccccc1CCN", "CC(C)C(=O)OCC1CCCCC1", "[Na+].[Cl-]", "Br"]
EMBEDDING = get_embedding("fingerprint")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))


def test_counts_and_descriptors_of_every_molecule_are_finite_numbers():
    found = EMBEDDING.features(SMILES)
    assert found.shape == (len(SMILES), COUNTS + DESCRIPTORS)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_environments_are_counted():
    ethane, decane = EMBEDDING.features(["CC", "CCCCCCCCCC"])[:, :COUNTS]
    assert decane.max() > ethane.max() == pytest.approx(np.log(3))


def test_molecules_are_computed_once_and_read_ever_after(monkeypatch):
    first = cached_features(EMBEDDING, SMILES)
    np.testing.assert_array_equal(first, EMBEDDING.features(SMILES))
    monkeypatch.setattr(FingerprintEmbedding, "features", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(cached_features(EMBEDDING, SMILES), first)


def test_damaged_cache_is_built_again(tmp_path, capsys):
    first = cached_features(EMBEDDING, SMILES)
    (path,) = tmp_path.rglob("rows/*fingerprint*/*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(cached_features(EMBEDDING, SMILES), first)
    assert "is damaged" in capsys.readouterr().err


def test_what_cannot_be_parsed_is_named():
    with pytest.raises(InputDataError, match=r"cannot parse SMILES 'C1CC'"):
        EMBEDDING.features(["CC", "C1CC"])


def test_descriptors_that_training_molecules_lack_are_bounded_inputs():
    network = EMBEDDING.network(EmbeddingConfig())
    known = torch.tensor(EMBEDDING.features(["CC", "CCC", "CCCC", "CCCCC"]))
    network.fit_inputs(known)
    assert network.scaler(known[:, COUNTS:]).std(0).max() == pytest.approx((4 / 3) ** 0.5)
    other = network.scaler(torch.tensor(EMBEDDING.features(["OC(=O)c1ccccc1S(=O)(=O)N", "CCCCCCCC"]))[:, COUNTS:])
    assert other.abs().max() == CLIP
    constant = known[:, COUNTS:].std(0) == 0
    assert (other[:, constant] == 0).all()


def test_weights_of_version_01_predict_what_they_did():
    network = EMBEDDING.network(EmbeddingConfig(width=8))
    norm = torch.nn.BatchNorm1d(DESCRIPTORS, affine=False)
    found = torch.tensor(EMBEDDING.features(SMILES))
    for _ in range(3):
        norm(found[:, COUNTS:])
    weights = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("scaler.")}
    network.load_state_dict(weights | {f"norm.{name}": tensor for name, tensor in norm.state_dict().items()})
    scaled = torch.cat([found[:, :COUNTS], norm.eval()(found[:, COUNTS:])], 1)
    assert torch.equal(network.eval()(found), network.layers(scaled))
