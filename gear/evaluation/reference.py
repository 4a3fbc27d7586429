"""What a chemist has within a minute: predictions that every model of a study is held against, nothing tuned.

    mean    the mean of the known labels
    svr     a support vector machine on RDKit's descriptors (`gear.data.molecules.descriptors`), scikit-learn's `SVR`
            with a Gaussian kernel and settings fixed once and for all

They learn from the labels of the training and the validation part, since nothing is chosen on the latter. The support
vector machine takes `MAX_LABELS` of them at random where there are more, since its time grows with their square.
"""

import numpy as np

from gear.data.molecules.descriptors import DescriptorScaler, packed_descriptors
from gear.data.pairs import PairData
from gear.evaluation.held_out import HeldOutPredictions
from gear.label_scaler import Scaler

__all__ = ["reference_predictions"]

MAX_LABELS = 4000
# Chosen by the validation RMSE over 8 pairs, random and scaffold splits, all labels and 60, 3 seeds (docs/method.md).
PENALTY, MARGIN, GAMMA = 10.0, 0.02, 0.3  # C, epsilon in standard deviations, and gamma times the number of inputs


def reference_predictions(pair: PairData) -> dict[str, HeldOutPredictions]:
    """What each reference predicts for the target's test part.

    Args:
        pair: its data; the sources are not used.

    Returns:
        Predictions by the name of the reference, those of `gear.evaluation.comparison.REFERENCES`.

    Raises:
        StorageError: the cache cannot be written.
    """
    target = pair.target
    scaler = Scaler.fit(target.train.value, target.log10)
    known = np.concatenate([target.train.smiles, target.validation.smiles])
    labels = scaler.standardise(np.concatenate([target.train.value, target.validation.value]))
    some = np.random.default_rng(0).permutation(len(known))[:MAX_LABELS]
    predicted = {
        "mean": np.full(len(target.test.value), labels.mean()),
        "svr": _support_vectors(_descriptors(known[some]), labels[some], _descriptors(target.test.smiles)),
    }
    part = np.repeat("test", len(target.test.value))
    nothing = np.full(len(target.test.value), np.nan)
    return {
        name: HeldOutPredictions(target.test.smiles, part, target.test.value, scaler.to_units(values), nothing, scaler)
        for name, values in predicted.items()
    }


def _support_vectors(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Predictions (M,) for descriptors (M, D) of a machine trained on descriptors (N, D) and labels (N,)."""
    from sklearn.svm import SVR  # a second

    scaler = DescriptorScaler.fit(known)
    inputs = scaler.transform(known)
    machine = SVR(C=PENALTY, epsilon=MARGIN, gamma=GAMMA / max(inputs.shape[1], 1)).fit(inputs, labels)
    predictions: np.ndarray = machine.predict(scaler.transform(asked))
    return predictions


def _descriptors(smiles: np.ndarray) -> np.ndarray:
    """Descriptors in the order of the molecules, cached in sorted order, so that it does not depend on the split."""
    order = np.argsort(smiles)
    return packed_descriptors(smiles[order])[np.argsort(order)]
