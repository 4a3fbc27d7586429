"""What methods see of a large source that are fitted at once."""

import dataclasses

import numpy as np
import pytest

from gear.data.fewer import drawn_places, for_fitted
from gear.testing.pairs import synthetic_pair, with_temperatures


@pytest.fixture
def pair():
    return synthetic_pair(30, 90, sources=2)


def labels(part, pair, column=None):
    """Value and molecule of each label, and its features."""
    molecules = part.rows if pair.points is None else pair.points.molecule[part.rows]
    features = np.zeros(len(part.rows)) if pair.points is None else pair.points.columns[part.rows, 0]
    atoms = np.diff(pair.graphs.atom_offset)[molecules]
    return sorted(zip(pair.smiles[molecules], part.smiles, part.value, atoms, features.astype(str), strict=True))


@pytest.mark.parametrize("points", [False, True])
def test_few_molecules_of_each_source_are_left_and_all_of_the_target(points, pair):
    pair = with_temperatures(pair) if points else pair
    few = for_fitted(pair, 20)
    assert [len(part.rows) for source in few.sources for part in source.parts()] == [20, 10, 0] * 2
    for one, other in zip(few.target.parts(), pair.target.parts(), strict=True):
        assert labels(one, few) == labels(other, pair)
    for one, other in zip(few.sources, pair.sources, strict=True):
        assert set(labels(one.train, few)) < set(labels(other.train, pair))
    assert len(few.smiles) == len(few.graphs) < len(pair.smiles)
    assert few.rows == len(np.unique(np.concatenate([p.rows for t in (few.target, *few.sources) for p in t.parts()])))
    assert (few.split_hash, few.data_hash) == (pair.split_hash, pair.data_hash)


def test_a_pair_without_large_sources_stays_as_it_is(pair):
    assert for_fitted(pair, 90) is pair


def test_bounds_go_with_their_molecules(pair):
    bounds = np.zeros(len(pair.smiles), np.int8)
    bounds[pair.target.train.rows[:3]] = -1
    bound = dataclasses.replace(pair, target=dataclasses.replace(pair.target, bounds=bounds))
    few = for_fitted(bound, 20)
    assert list(np.flatnonzero(few.target.bounds)) == sorted(few.target.train.rows[:3])


def test_places_are_drawn_by_the_seed():
    assert list(drawn_places(3, 5, 0)) == [0, 1, 2]
    one, again, other = (drawn_places(1000, 50, seed) for seed in (0, 0, 1))
    assert list(one) == list(again) == sorted(set(one))
    assert len(one) == 50
    assert list(one) != list(other)
