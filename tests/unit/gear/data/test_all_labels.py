"""Every label of the target in its training part, each molecule once, and nothing else changed."""

import numpy as np
import pytest

from gear.data import load_pair
from gear.data.all_labels import with_all_labels


@pytest.mark.parametrize("split", ["random-n60", "scaffold"])
def test_the_target_is_trained_on_all_parts_and_the_sources_stay(split):
    pair = load_pair("ef_from_hv", split)
    whole = with_all_labels(pair)
    parts = pair.target.parts()
    assert sorted(whole.target.train.smiles) == sorted(np.concatenate([part.smiles for part in parts]))
    value = dict(zip(np.concatenate([p.smiles for p in parts]), np.concatenate([p.value for p in parts]), strict=True))
    assert [value[smiles] for smiles in whole.target.train.smiles] == whole.target.train.value.tolist()
    assert whole.smiles[whole.target.train.rows].tolist() == whole.target.train.smiles.tolist()
    assert (whole.target.test, whole.target.validation) == (pair.target.test, pair.target.validation)
    assert (whole.sources, whole.split_hash, whole.data_hash) == (pair.sources, pair.split_hash, pair.data_hash)


def test_a_held_out_molecule_that_was_trained_on_with_a_wrong_label_gets_its_own():
    pair = load_pair("ef_from_hv", "random-published20")
    wrong = set(pair.target.train.smiles) & set(pair.target.test.smiles)
    train = with_all_labels(pair).target.train
    assert wrong
    assert len(set(train.smiles)) == len(train.smiles)
    true = dict(zip(pair.target.test.smiles, pair.target.test.value, strict=True))
    assert all(value == true[smiles] for smiles, value in zip(train.smiles, train.value, strict=True) if smiles in true)
