"""Strings of a file: decoded where one is asked for, an array of str to NumPy."""

import numpy as np
import pytest

from gear.data.texts import Texts, encoded

WORDS = ["CCO", "", "c1ccccc1", "é", "N"]


@pytest.fixture
def texts():
    return Texts(*encoded(WORDS))


def test_texts_are_an_array_of_strings(texts):
    assert len(texts) == 5
    assert list(texts) == WORDS
    assert np.asarray(texts).dtype == object
    assert np.array_equal(texts, np.array(WORDS, dtype=object))
    assert list(np.concatenate([texts, texts])) == WORDS * 2
    assert list(encoded([])[1]) == [0]


@pytest.mark.parametrize("place", [slice(1, 3), np.array([3, 0, 3]), np.array([True, False, False, True, True])])
def test_they_are_indexed_as_an_array(place, texts):
    assert list(texts[place]) == list(np.array(WORDS, dtype=object)[place])
    assert (texts[2], texts[-1]) == ("c1ccccc1", "N")


def test_those_of_some_rows_are_not_decoded(texts):
    some = texts.of(np.array([4, 0, 3]))
    assert isinstance(some, Texts)
    assert list(some) == ["N", "CCO", "é"]
    assert list(some.of(np.array([2, 0]))) == ["é", "N"]
    assert (some[1], list(some[1:])) == ("CCO", ["CCO", "é"])
