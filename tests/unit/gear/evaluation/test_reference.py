"""Reference predictions: what the mean and a support vector machine say of the test part."""

import dataclasses

import numpy as np
import pytest

from gear.evaluation.comparison import REFERENCES
from gear.evaluation.evaluate import scores
from gear.evaluation.reference import reference_predictions


@pytest.fixture(scope="module")
def found(pair):
    return reference_predictions(pair)


def test_each_predicts_the_test_part_in_units(found, pair):
    assert list(found) == list(REFERENCES)
    for held_out in found.values():
        np.testing.assert_array_equal(held_out.smiles, pair.target.test.smiles)
        np.testing.assert_array_equal(held_out.value, pair.target.test.value)
        assert set(held_out.part) == {"test"}


def test_the_mean_is_of_all_known_labels(found, pair):
    known = np.concatenate([pair.target.train.value, pair.target.validation.value])
    np.testing.assert_allclose(found["mean"].prediction, known.mean())


def test_the_machine_has_learnt_something(found):
    assert scores(found["svr"]).rmse < 0.8 * scores(found["mean"]).rmse


def test_test_labels_are_not_used(pair):
    test = dataclasses.replace(pair.target.test, value=pair.target.test.value[::-1].copy())
    other = dataclasses.replace(pair, target=dataclasses.replace(pair.target, test=test))
    for name, held_out in reference_predictions(other).items():
        np.testing.assert_array_equal(held_out.prediction, reference_predictions(pair)[name].prediction)
