"""Fingerprints: what they count, and that they are computed once."""

import numpy as np
import pytest

from gear.embeddings import get_embedding
from gear.embeddings.feature_cache import cached_features
from gear.embeddings.fingerprint import COUNTS, DESCRIPTORS, FingerprintEmbedding
from gear.errors import InputDataError

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
