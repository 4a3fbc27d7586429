"""How good a trained model is on the target's test part. Called once a study, after the search."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gear.batching import TrainingData
from gear.checkpoint import load_module, read_state
from gear.config import TrialSpec
from gear.data.pairs import PairData
from gear.device import pick_device
from gear.methods import Method, build_method
from gear.training import predict_rows

__all__ = ["Scores", "load_best", "test_scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Errors on one part of n molecules: standardised by the training part, and in the property's unit."""

    rmse: float
    mae: float
    rmse_units: float
    mae_units: float
    n: int


def load_best(checkpoint: Path, spec: TrialSpec) -> Method:
    """The model of a training checkpoint with its best weights, in evaluation mode.

    Raises:
        StorageError: no readable checkpoint there.
    """
    tensors, _ = read_state(checkpoint)
    model = build_method(spec.config, len(spec.pair.sources))
    load_module(model, tensors, "best.")
    return model.eval()


def test_scores(checkpoint: Path, spec: TrialSpec, pair: PairData) -> Scores:
    """Errors of a checkpoint's best weights on the target's test part."""
    device = pick_device("auto")
    model = load_best(checkpoint, spec).to(device)
    data = TrainingData(pair, model.embedding_kinds, device)
    test, scaler = pair.target.test, data.scalers[0]
    predicted = predict_rows(model, data, data.rows(test)).cpu().numpy()
    error = predicted - scaler.standardise(test.value)
    in_units = scaler.to_units(predicted) - test.value
    return Scores(_rms(error), float(np.abs(error).mean()), _rms(in_units), float(np.abs(in_units).mean()), len(error))


def _rms(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))


test_scores.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test
