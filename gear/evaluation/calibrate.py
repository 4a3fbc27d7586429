"""Calibrates the prediction intervals of models by the molecules that they were validated on.

A molecule's difficulty is told by its similarity to the nearest training molecule of the models that predict it.
"""

from collections.abc import Sequence

import numpy as np

from gear.data.molecules.similarity import Neighbours, bit_fingerprints
from gear.data.pairs import PairData
from gear.evaluation.conformal import Calibration
from gear.evaluation.held_out import HeldOutPredictions

__all__ = ["calibrate", "training_similarity"]


def calibrate(known: HeldOutPredictions, pairs: Sequence[PairData]) -> Calibration:
    """The calibration of one model, or of several that predict together.

    Args:
        known: what they predict for molecules that they were validated on, each molecule predicted only by models that
            did not learn it: `gear.evaluation.held_out.out_of_fold`.
        pairs: the data that each model was trained and validated on.
    """
    similarity = np.zeros(len(known.smiles))
    for trained, validated in _folds(pairs):
        rows = np.flatnonzero([smiles in validated for smiles in known.smiles])
        if len(rows):
            similarity[rows] = np.maximum(similarity[rows], _nearest(known.smiles[rows], trained))
    log10 = known.scaler.log10
    return Calibration.fit(known.value, known.prediction, similarity, log10=log10, molecules=known.smiles)


def training_similarity(smiles: np.ndarray, pairs: Sequence[PairData]) -> np.ndarray:
    """Similarity (N,) of molecules that no model was trained on to the nearest training molecule of any of them."""
    return _nearest(smiles, frozenset[str]().union(*(trained for trained, _ in _folds(pairs))))


def _folds(pairs: Sequence[PairData]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Training and validation molecules of the target, once for each division of them."""
    targets = [pair.target for pair in pairs]
    return list(dict.fromkeys((frozenset(t.train.smiles), frozenset(t.validation.smiles)) for t in targets))


def _nearest(smiles: np.ndarray, trained_on: frozenset[str]) -> np.ndarray:
    return Neighbours(bit_fingerprints(sorted(trained_on))).nearest(bit_fingerprints(list(smiles)))
