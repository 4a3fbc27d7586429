"""Rows of molecules: each is computed once, whatever lists it is in."""

import numpy as np
import pytest

from gear.data.cache import cache_folder
from gear.data.row_cache import cached_rows


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """The molecules that were computed, call by call."""
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    return []


def rows(smiles, computed):
    def compute(asked):
        computed.append(asked)
        return np.array([[len(text), hash(text) % 97] for text in asked], np.float32).reshape(-1, 2)

    return cached_rows("lengths", smiles, compute)


def test_molecules_of_another_list_are_not_computed_again(computed):
    first = rows(["C", "CC", "CCC"], computed)
    second = rows(["CCCC", "CCC", "C"], computed)
    assert computed == [["C", "CC", "CCC"], ["CCCC"]]
    np.testing.assert_array_equal(second[[2, 1]], first[[0, 2]])
    assert second[:, 0].tolist() == [4, 3, 1]


def test_a_list_of_known_molecules_computes_nothing(computed):
    first = rows(["C", "CC", "CCC"], computed)
    np.testing.assert_array_equal(rows(["CCC", "C"], computed), first[[2, 0]])
    np.testing.assert_array_equal(rows(["C", "CC", "CCC"], computed), first)
    assert len(computed) == 1


def test_a_damaged_file_of_another_list_is_passed_over(computed):
    rows(["C", "CC"], computed)
    (path,) = (cache_folder() / "rows/lengths").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    rows(["CC", "CCC"], computed)
    assert computed == [["C", "CC"], ["CC", "CCC"]]


def test_molecules_named_twice_have_their_row_twice(computed):
    assert rows(["CC", "C", "CC"], computed)[:, 0].tolist() == [2, 1, 2]
    assert computed == [["CC", "C"]]


def test_no_molecules_have_no_rows(computed):
    assert rows([], computed).shape == (0, 2)
