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
    scaler = Scaler.fit(target.train.value, target.log10)
    known = np.concatenate([target.train.smiles, target.validation.smiles])
    labels = scaler.standardise(np.concatenate([target.train.value, target.validation.value]))
    train, validation, test = map(pair.features_of, target.parts())
    features = {name: np.concatenate([train[name], validation[name]]) for name in test}
    predicted = {
        "mean": np.full(len(target.test.value), labels.mean()),
        "svr": _support_vectors(_inputs(known, features), labels, _inputs(target.test.smiles, test)),
    }
    tested = target.test.smiles, np.repeat("test", len(target.test.value)), target.test.value
    nothing = np.full(len(target.test.value), np.nan)
    return {
        name: HeldOutPredictions(*tested, scaler.to_units(values), nothing, scaler, test)
        for name, values in predicted.items()
    }


def _support_vectors(known: list[np.ndarray], labels: np.ndarray, asked: list[np.ndarray]) -> np.ndarray:
    """Predictions (M,) for blocks of inputs (M, D) of a machine trained on such blocks (N, D) and labels (N,)."""
    import torch  # a second

    from gear.methods.classical import UNTUNED
    from gear.methods.classical.inputs import InputBlock
    from gear.methods.classical.regressor import drawn
    from gear.methods.classical.support_vectors import SupportVectors

    machine = SupportVectors(**UNTUNED)
    some = drawn(torch.arange(len(labels)), machine.max_labels, seed=0)
    learnt, answered = [], []
    for index, (of_known, of_asked) in enumerate(zip(known, asked, strict=True)):
        values = torch.tensor(of_known)[some]
        block = InputBlock(values.shape[1], log_modulus=index == 0)  # of the descriptors
        block.fit(values)
        learnt.append(block(values))
        answered.append(block(torch.tensor(of_asked)))
    machine.fit(torch.cat(learnt, 1), torch.tensor(labels)[some])
    predictions: np.ndarray = machine(torch.cat(answered, 1)).numpy()
    return predictions


def _inputs(smiles: np.ndarray, features: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Descriptors (N, D) and, if there are any, feature columns (N, F), in the order of the molecules.

    Descriptors are cached for sorted molecules, so that the file does not depend on the split.
    """
    molecules, place = np.unique(smiles, return_inverse=True)
    blocks = [packed_descriptors(molecules)[place]]
    return [*blocks, np.column_stack([*features.values()])] if features else blocks
