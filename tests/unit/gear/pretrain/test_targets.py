"""What a pretraining predicts: descriptors and frequent environments, none of them a label."""

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from gear.errors import InputDataError
from gear.model.input_scaler import CLIP
from gear.pretrain.targets import frequent_environments, targets
from gear.testing.pairs import molecules


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))


def test_environments_are_those_that_most_molecules_have():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    found = [generator.GetSparseCountFingerprint(Chem.MolFromSmiles(text)).GetNonzeroElements() for text in molecules()]
    having = {}
    for counts in found:
        for environment in counts:
            having[environment] = having.get(environment, 0) + 1
    chosen = sorted(having, key=lambda environment: (-having[environment], environment))[:20]
    expected = [[counts.get(environment, 0) for environment in chosen] for counts in found]
    assert frequent_environments(molecules(), 20).tolist() == expected


def test_there_are_no_more_environments_than_the_molecules_have():
    assert frequent_environments(["C", "C"], 256).tolist() == [[1.0], [1.0]]


def test_targets_are_centred_scaled_and_finite(cache):
    found = targets([molecules()], 50).numpy()
    assert found.dtype == np.float32
    assert found.shape[0] == 120
    assert 100 < found.shape[1] <= 267
    assert np.isfinite(found).all()
    assert abs(found).max() <= CLIP
    assert np.abs(found.mean(0)).max() < 0.2
    assert np.median(found.std(0)) == pytest.approx(1, abs=1e-3)


def test_without_environments_there_are_only_descriptors(cache):
    both, only = targets([molecules()], 50), targets([molecules()], 0)
    assert torch.equal(both[:, : only.shape[1]], only)
    assert both.shape[1] == only.shape[1] + 50


def test_parts_give_what_one_list_gives(cache):
    smiles = molecules()
    assert torch.equal(targets([smiles[:50], [], smiles[50:]], 50), targets([smiles], 50))


def test_a_smiles_that_cannot_be_parsed_is_refused(cache):
    with pytest.raises(InputDataError, match="cannot parse SMILES 'nonsense'"):
        frequent_environments(["CC", "nonsense"], 5)
