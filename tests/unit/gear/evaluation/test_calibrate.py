"""Calibration from validation molecules: each judged by the models that did not learn it."""

import dataclasses

import numpy as np
import pytest

from gear.data.molecules.similarity import Neighbours, bit_fingerprints
from gear.data.pairs import Part
from gear.evaluation.calibrate import calibrate, training_similarity
from gear.evaluation.conformal import Calibration
from gear.evaluation.held_out import HeldOutPredictions
from gear.label_scaler import Scaler

FOLDS = (["CCO", "CCCO", "c1ccccc1"], ["CCN", "CCCN", "Cc1ccccc1"])


def part(smiles):
    return Part(np.array(smiles, object), np.ones(len(smiles)), np.arange(len(smiles)))


@pytest.fixture
def folds(pair):
    """Two members, each validated on what the other learnt."""
    found = []
    for train, validation in (FOLDS, FOLDS[::-1]):
        target = dataclasses.replace(pair.target, train=part(train), validation=part(validation))
        found.append(dataclasses.replace(pair, target=target))
    return found


def predicted(smiles, prediction, *, log10=False):
    count = len(smiles)
    columns = (np.array(smiles, object), np.repeat("validation", count), np.ones(count), np.asarray(prediction, float))
    return HeldOutPredictions(*columns, np.full(count, np.nan), Scaler(0.0, 1.0, log10))


def nearest(smiles, others):
    return Neighbours(bit_fingerprints(others)).nearest(bit_fingerprints(smiles))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("log10", [True, False])
def test_molecule_is_as_similar_as_to_what_its_own_members_learnt(folds, seeds, log10):
    """Not to itself, which the others learnt."""
    smiles = [*FOLDS[0], *FOLDS[1]]
    prediction = np.array([2.0, 3, 4, 5, 6, 7])
    similarity = np.concatenate([nearest(FOLDS[0], FOLDS[1]), nearest(FOLDS[1], FOLDS[0])])
    assert (similarity < 1).all()
    expected = Calibration.fit(np.ones(6), prediction, similarity, log10=log10)
    found = calibrate(predicted(smiles, prediction, log10=log10), folds * seeds)
    np.testing.assert_allclose(found.scores, expected.scores)
    assert (found.log10, found.slope) == (log10, expected.slope)


def test_data_points_of_a_molecule_weigh_together_as_much_as_another_molecule(folds):
    smiles = ["CCO", "CCO", "CCO", "CCCO", "CCN"]
    found = calibrate(predicted(smiles, [1.0, 2, 3, 4, 5]), folds)
    assert found.molecules == 3
    assert sorted(found.weights) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1, 1])
    assert found.weights[found.scores == 0] == pytest.approx(1 / 3)  # of the first CCO, which is predicted as it is


def test_further_molecule_is_compared_with_all_that_any_member_learnt(folds):
    smiles = ["CCO", "CCN", "CCCCO"]
    found = training_similarity(np.array(smiles, object), folds)
    np.testing.assert_allclose(found, nearest(smiles, [*FOLDS[0], *FOLDS[1]]))
    assert found[:2].tolist() == [1.0, 1.0]
