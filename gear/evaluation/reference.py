"""What a chemist has within a minute: predictions that every model of a study is held against, nothing tuned.

    mean    the mean of the known labels
    svr     the support vectors of method `svr` (`gear.methods.classical`) on RDKit's descriptors and the user's feature
            columns, with settings fixed once and for all

They learn from the labels of the training and the validation part, since nothing is chosen on the latter. The support
vector machine takes some of them at random where there are too many for it.
"""

from collections.abc import Mapping

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
    asked = np.asarray(target.test.smiles)
    scaler = Scaler.fit(target.train.value, target.log10)
    known = np.concatenate([target.train.smiles, target.validation.smiles])
    labels = scaler.standardise(np.concatenate([target.train.value, target.validation.value]))
    train, validation, test = map(pair.features_of, target.parts())
    features = {name: np.concatenate([train[name], validation[name]]) for name in test}
    predicted = {
        "mean": np.full(len(target.test.value), labels.mean()),
        "svr": _support_vectors(_inputs(known, features), labels, _inputs(asked, test)),
    }
    tested = asked, np.repeat("test", len(target.test.value)), target.test.value
    nothing = np.full(len(target.test.value), np.nan)
    return {
        name: HeldOutPredictions(*tested, scaler.to_units(values), nothing, scaler, test)
        for name, values in predicted.items()
    }


def _support_vectors(known: list[np.ndarray], labels: np.ndarray, asked: list[np.ndarray]) -> np.ndarray:
    """Predictions (M,) for blocks of inputs (M, D) of a machine trained on such blocks (N, D) and labels (N,)."""
    import torch  # a second

    from gear.methods.classical.untuned import untuned_predictions

    of_known, of_asked = ([torch.tensor(block) for block in blocks] for blocks in (known, asked))
    predictions: np.ndarray = untuned_predictions(of_known, torch.tensor(labels), of_asked).numpy()
    return predictions


def _inputs(smiles: np.ndarray, features: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Descriptors (N, D) and, if there are any, feature columns (N, F), in the order of the molecules."""
    blocks = [packed_descriptors(smiles)]
    return [*blocks, np.column_stack([*features.values()])] if features else blocks
