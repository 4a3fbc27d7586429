"""Corrupted labels: as many as asked for, by as much, the same for the same seed; nothing else is touched."""

import numpy as np
import pytest

from gear.data import load_pair
from gear.data.splits.noise import OUTLIER, corrupt, planted

VALUES = np.random.default_rng(0).normal(100, 20, 1000)
kinds = pytest.mark.parametrize("kind", ["gaussian", "outliers", "shuffled"])


def spoil(kind, percent=20, seed=0, values=VALUES, log10=False):
    return corrupt(values, log10=log10, kind=kind, percent=percent, seed=seed)


@kinds
@pytest.mark.parametrize("percent", [1, 20, 100])
def test_share_of_the_labels_is_corrupted(kind, percent):
    assert (spoil(kind, percent) != VALUES).sum() == 10 * percent


@kinds
def test_a_small_share_of_few_labels_is_not_none(kind):
    assert (spoil(kind, 1, values=VALUES[:20]) != VALUES[:20]).sum() == (2 if kind == "shuffled" else 1)


@kinds
def test_seed_reproduces_and_another_differs(kind):
    assert (spoil(kind) == spoil(kind)).all()
    assert (spoil(kind) != spoil(kind, seed=1)).any()


def test_deviations_are_in_standard_deviations():
    assert (spoil("gaussian", 100) - VALUES).std() == pytest.approx(VALUES.std(), rel=0.1)
    off = np.abs(spoil("outliers") - VALUES)
    np.testing.assert_allclose(off[off > 0], OUTLIER * VALUES.std())


def test_shuffled_labels_are_the_old_ones():
    np.testing.assert_array_equal(np.sort(spoil("shuffled")), np.sort(VALUES))


@kinds
def test_logarithmic_task_stays_positive(kind):
    assert (spoil(kind, 100, values=np.exp(VALUES / 20), log10=True) > 0).all()


@kinds
def test_only_training_labels_of_the_target_are_corrupted(kind):
    clean, noisy = load_pair("ef_from_hv", "random"), load_pair("ef_from_hv", f"random-{kind}20")
    changed = clean.target.train.value != noisy.target.train.value
    assert changed.mean() == pytest.approx(0.2, abs=0.01)
    for part in (lambda p: p.target.validation, lambda p: p.target.test, lambda p: p.sources[0].train):
        np.testing.assert_array_equal(part(clean).smiles, part(noisy).smiles)
        np.testing.assert_array_equal(part(clean).value, part(noisy).value)
    assert clean.data_hash == noisy.data_hash
    assert clean.split_hash != noisy.split_hash


def test_published_protocol_trains_on_wrong_labels_of_the_molecules_it_tests():
    clean, noisy = load_pair("dk_from_lp", "random"), load_pair("dk_from_lp", "random-published30")
    right = dict(zip(clean.target.test.smiles, clean.target.test.value, strict=True))
    told = dict(zip(noisy.target.train.smiles, noisy.target.train.value, strict=True))
    tested = dict(zip(noisy.target.test.smiles, noisy.target.test.value, strict=True))
    assert len(tested) == round(0.3 * len(right))
    assert tested.items() <= right.items()
    assert set(told) == {*clean.target.train.smiles, *tested}
    assert all(told[smiles] != right[smiles] and told[smiles] > 0 for smiles in tested)
    assert list(noisy.target.train.smiles) == sorted(told)
    place = dict(zip(clean.target.test.smiles, clean.target.test.rows, strict=True))
    found = dict(zip(noisy.target.train.smiles, noisy.target.train.rows, strict=True))
    assert all(found[smiles] == place[smiles] for smiles in tested)
    assert not {*noisy.sources[0].train.smiles, *noisy.sources[0].validation.smiles} & set(tested)
    assert clean.split_hash != noisy.split_hash


def test_planted_labels_are_off_by_a_standard_deviation_of_training_and_seeded():
    rows, told = planted(VALUES, VALUES, log10=False, percent=50, seed=3)
    assert (told - VALUES[rows]).std() == pytest.approx(VALUES.std(), rel=0.1)
    again = planted(VALUES, VALUES, log10=False, percent=50, seed=3)
    assert (again[0] == rows).all()
    assert (again[1] == told).all()
    assert (planted(VALUES, VALUES, log10=False, percent=50, seed=4)[0] != rows).any()
    assert len(planted(VALUES, VALUES[:9], log10=False, percent=1, seed=0)[0]) == 1
