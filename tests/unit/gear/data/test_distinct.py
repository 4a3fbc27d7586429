"""Data points are equal where molecule and columns are."""

import numpy as np

from gear.data.distinct import distinct_points

NAN = np.nan


def test_equal_points_are_one_and_what_is_not_known_equals_itself():
    molecule = np.array([1, 0, 1, 1, 0, 1])
    columns = np.array([[300, NAN], [300, 7], [300, NAN], [NAN, 7], [300, 7], [-0.0, 7]])
    first, place = distinct_points(molecule, columns)
    assert first.tolist() == [1, 5, 0, 3]  # by molecule, then columns; what is not known comes last
    assert place.tolist() == [2, 0, 2, 3, 0, 1]


def test_zero_has_no_sign():
    assert len(distinct_points(np.array([0, 0]), np.array([[0.0], [-0.0]]))[0]) == 1


def test_without_columns_molecules_are_the_points():
    first, place = distinct_points(np.array([2, 0, 2]), np.empty((3, 0)))
    assert (first.tolist(), place.tolist()) == ([1, 0], [1, 0, 1])
