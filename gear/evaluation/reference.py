"""What a chemist has within a minute: predictions that every model of a study is held against, nothing tuned.

    mean    the mean of the known labels
    svr     the support vectors of method `svr` (`gear.methods.classical`) on RDKit's descriptors, with settings fixed
            once and for all

They learn from the labels of the training and the validation part, since nothing is chosen on the latter. The support
vector machine takes some of them at random where there are too many for it.
"""

import numpy as np

from gear.data.molecules.descriptors import packed_descriptors
from gear.data.pairs import PairData
from gear.evaluation.held_out import HeldOutPredictions
from gear.label_scaler import Scaler

__all__ = ["reference_predictions"]


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
    predicted = {
        "mean": np.full(len(target.test.value), labels.mean()),
        "svr": _support_vectors(_descriptors(known), labels, _descriptors(target.test.smiles)),
    }
    part = np.repeat("test", len(target.test.value))
    nothing = np.full(len(target.test.value), np.nan)
    return {
        name: HeldOutPredictions(target.test.smiles, part, target.test.value, scaler.to_units(values), nothing, scaler)
        for name, values in predicted.items()
    }


def _support_vectors(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Predictions (M,) for descriptors (M, D) of a machine trained on descriptors (N, D) and labels (N,)."""
    import torch  # a second

    from gear.methods.classical import UNTUNED
    from gear.methods.classical.inputs import InputBlock
    from gear.methods.classical.regressor import drawn
    from gear.methods.classical.support_vectors import SupportVectors

    machine, inputs = SupportVectors(**UNTUNED), InputBlock(known.shape[1], log_modulus=True)
    some = drawn(torch.arange(len(known)), machine.max_labels, seed=0)
    values = torch.tensor(known)[some]
    inputs.fit(values)
    machine.fit(inputs(values), torch.tensor(labels)[some])
    predictions: np.ndarray = machine(inputs(torch.tensor(asked))).numpy()
    return predictions


def _descriptors(smiles: np.ndarray) -> np.ndarray:
    """Descriptors in the order of the molecules, cached in sorted order, so that it does not depend on the split."""
    order = np.argsort(smiles)
    return packed_descriptors(smiles[order])[np.argsort(order)]
