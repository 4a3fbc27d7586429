"""How good a trained model is on the target's test part. Called once per study, after the search."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gear.config import TrialSpec
from gear.data.fewer import for_fitted
from gear.data.pairs import PairData
from gear.device import pick_device
from gear.evaluation.held_out import HeldOutPredictions
from gear.evaluation.uncertainty import Interval, interval, mae, rmse, spread
from gear.methods import build_method
from gear.methods.base import Model
from gear.training.batching import TrainingData
from gear.training.checkpoint import load_module, read_state, restoring
from gear.training.validation import predict_rows

__all__ = ["Scores", "combined", "load_best", "predict_held_out", "score_test_part", "scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Errors on one part of n labels: standardised by the training part, and in the property's unit.

    `_low` and `_high` are the ends of a 95 % bootstrap interval over the molecules. `r2` is the coefficient of
    determination of the standardised values, 0 where the true ones are all equal.
    """

    rmse: float
    mae: float
    rmse_units: float
    mae_units: float
    n: int
    r2: float
    rmse_low: float
    rmse_high: float
    mae_low: float
    mae_high: float
    rmse_units_low: float
    rmse_units_high: float
    mae_units_low: float
    mae_units_high: float

    def interval(self, name: str) -> Interval:
        """One of `rmse`, `mae`, `rmse_units`, `mae_units` with the ends of its interval."""
        return Interval(*(getattr(self, name + end) for end in ("", "_low", "_high")))


def load_best(checkpoint: Path, spec: TrialSpec) -> Model:
    """The model of a training checkpoint with its best weights, in evaluation mode.

    Raises:
        StorageError: no readable checkpoint there.
    """
    tensors, _ = read_state(checkpoint)
    model = build_method(spec.config, len(spec.pair.sources), len(spec.pair.target.features))
    with restoring(checkpoint):
        load_module(model, tensors, "best.")
    return model.eval()


def predict_held_out(checkpoint: Path, spec: TrialSpec, pair: PairData) -> HeldOutPredictions:
    """What a checkpoint's best weights predict for the target's validation and test parts.

    Raises:
        StorageError: no readable checkpoint there.
    """
    device = pick_device("auto")
    model = load_best(checkpoint, spec).to(device)
    data = TrainingData(for_fitted(pair) if model.spec.fits_at_once else pair, model.embedding_kinds, device)
    parts = {"validation": pair.target.validation, "test": pair.target.test}
    rows = [data.rows(part) for part in data.target.parts()[1:]]
    predicted = [predict_rows(model, data, of_part).cpu().numpy() for of_part in rows]
    features = [pair.features_of(part) for part in parts.values()]
    return HeldOutPredictions(
        np.concatenate([part.smiles for part in parts.values()]),
        np.repeat(list(parts), [len(part.value) for part in parts.values()]),
        np.concatenate([part.value for part in parts.values()]),
        data.scalers[0].to_units(np.concatenate(predicted)),
        np.full(sum(map(len, predicted)), np.nan),
        data.scalers[0],
        {name: np.concatenate([of_part[name] for of_part in features]) for name in features[0]},
    )


def combined(members: Sequence[HeldOutPredictions], weights: np.ndarray | None = None) -> HeldOutPredictions:
    """What an ensemble predicts: the mean of its members, with their spread.

    Members that were trained on different folds have seen each other's validation molecules, so only the test part is
    kept. One member is returned as it is.

    Args:
        members: with one test part.
        weights: of the members, (K,), that sum to 1; by default all are equal.

    Raises:
        ValueError: the members' test parts differ.
    """
    if len(members) == 1:
        return members[0]
    first, *others = tests = [member.of_part("test") for member in members]
    if not all(np.array_equal(first.smiles, other.smiles) for other in others):
        raise ValueError("the members of an ensemble must have one test part")
    predictions = np.stack([test.prediction for test in tests])
    mean = np.average(predictions, axis=0, weights=weights)
    known = first.smiles, first.part, first.value
    return HeldOutPredictions(*known, mean, spread(predictions, weights), first.scaler, first.features)


def scores(held_out: HeldOutPredictions, part: str = "test") -> Scores:
    """Errors on one part, which must have molecules."""
    there = held_out.of_part(part)
    truth = there.scaler.standardise(there.value)
    error = there.scaler.standardise(there.prediction) - truth
    in_units = there.prediction - there.value
    errors, statistics = {"": error, "_units": in_units}, {"rmse": rmse, "mae": mae}
    found = {
        f"{name}{unit}": interval(of_unit, statistic, molecules=there.smiles)
        for unit, of_unit in errors.items()
        for name, statistic in statistics.items()
    }
    variation = float(np.square(truth - truth.mean()).sum())
    return Scores(
        **{name: figure.value for name, figure in found.items()},
        **{f"{name}_low": figure.low for name, figure in found.items()},
        **{f"{name}_high": figure.high for name, figure in found.items()},
        n=len(error),
        r2=1 - float(np.square(error).sum()) / variation if variation > 0 else 0.0,
    )


def score_test_part(checkpoint: Path, spec: TrialSpec, pair: PairData) -> Scores:
    """Errors of a checkpoint's best weights on the target's test part.

    Raises:
        StorageError: no readable checkpoint there.
    """
    return scores(predict_held_out(checkpoint, spec, pair))
