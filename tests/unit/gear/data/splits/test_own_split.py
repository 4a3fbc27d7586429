"""A user's own split: what its function must return, and the example on real data."""

import sys

import numpy as np
import pytest
from rdkit.Chem import Descriptors, MolFromSmiles

from gear.data import load_pair
from gear.errors import InputDataError

EXAMPLE = "examples.plugins.my_split:by_weight"


def weights(part):
    return [Descriptors.MolWt(MolFromSmiles(smiles)) for smiles in part.smiles]


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setitem(sys.modules, "own_splits", sys.modules[__name__])


def test_example_tests_the_heaviest_and_keeps_them_from_the_source():
    pair = load_pair("hv_from_ds", EXAMPLE)
    assert pair.split == "examples+plugins+my_split+by_weight"
    target, (source,) = pair.target, pair.sources
    assert max(weights(target.train)) < min(weights(target.validation)) < min(weights(target.test))
    judged = {*target.validation.smiles, *target.test.smiles}
    assert not judged & {*source.train.smiles, *source.validation.smiles}
    assert load_pair("hv_from_ds", pair.split).split_hash == pair.split_hash


def test_modifiers_go_with_an_own_split():
    whole, few = load_pair("hv_from_ds", EXAMPLE), load_pair("hv_from_ds", f"{EXAMPLE}-n60-overlap-gaussian20")
    assert len(few.target.train.smiles) + len(few.target.validation.smiles) == 60
    assert list(few.target.test.smiles) == list(whole.target.test.smiles)
    assert {*whole.target.test.smiles} & {*few.sources[0].train.smiles}
    clean = dict(zip(whole.target.train.smiles, whole.target.train.value, strict=True))
    changed = [clean[s] != value for s, value in zip(few.target.train.smiles, few.target.train.value, strict=True)]
    assert np.mean(changed) == pytest.approx(0.2, abs=0.05)


def short(task):
    return ["train"]


def misspelt(task):
    return ["train", "val"] * (len(task.smiles) // 2) + ["test"] * (len(task.smiles) % 2)


def untested(task):
    return ["train"] * len(task.smiles)


number = 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", r"split 'own_splits:short' returns 1 labels for \d+ molecules"),
        ("misspelt", "names parts and 'val': parts are train, validation, test"),
        ("untested", "leaves a part empty"),
        ("number", "is not a function"),
        ("missing", "has no 'missing'"),
    ],
)
def test_split_that_cannot_be_used_is_told_in_a_line(name, message):
    with pytest.raises(InputDataError, match=message):
        load_pair("hv_from_ds", f"own_splits:{name}")
