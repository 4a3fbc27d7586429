"""The prediction intervals of models that were searched for: calibrated on validation, counted on the test part."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gear.evaluation.calibrate import calibrate, training_similarity
from gear.evaluation.conformal import Calibration, coverage_numbers, measure_coverage
from gear.evaluation.held_out import HeldOutPredictions, out_of_fold, predictions_table
from search.results.ensemble import judge, weights_of

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["calibration_of", "coverage_of", "judge_with_intervals", "with_intervals"]

LEVEL = 90  # per cent, of the intervals in the table of predictions


def calibration_of(ensemble: "Sequence[Member]", alone: Sequence[HeldOutPredictions]) -> Calibration:
    """The calibration of models that predict together.

    Args:
        ensemble: the models.
        alone: what each of them predicts for the held-out molecules.
    """
    return calibrate(out_of_fold(alone, weights_of(ensemble)), [member.pair for member in ensemble])


def judge_with_intervals(
    ensemble: "Sequence[Member]", alone: Sequence[HeldOutPredictions]
) -> tuple[pa.Table, dict[str, float]]:
    """Predictions of models for the held-out molecules, one row each, and their scores on the test part.

    The table has the ends of the intervals of 90 %, `with_intervals`. The scores are those of
    `search.results.ensemble.judge` with the coverage of the intervals, `coverage_of`.

    Args:
        ensemble: the models.
        alone: what each of them predicts for the held-out molecules.
    """
    from gear.evaluation.evaluate import combined  # torch, not before it is needed

    together = combined(alone, weights_of(ensemble))
    test = together.of_part("test")
    similarity = training_similarity(test.smiles, [member.pair for member in ensemble])
    calibration = calibration_of(ensemble, alone)
    scores = judge(alone, together) | coverage_of(test, similarity, calibration)
    return with_intervals(predictions_table(together), similarity, calibration), scores


def coverage_of(test: HeldOutPredictions, similarity: np.ndarray, calibration: Calibration) -> dict[str, float]:
    """How many test molecules are inside their intervals, by `gear.evaluation.conformal.coverage_numbers`.

    Args:
        test: what models predict together for the test part, N predictions.
        similarity: of these to the nearest training molecule, (N,).
        calibration: of the models together.
    """
    return coverage_numbers(measure_coverage(calibration, test.value, test.prediction, similarity, test.smiles))


def with_intervals(predictions: pa.Table, similarity: np.ndarray, calibration: Calibration) -> pa.Table:
    """A table of predictions with the ends of the test molecules' intervals of 90 %, `low` and `high`.

    They are empty for validation molecules, which the intervals are made of, and where there are too few of these.
    `similarity` (N,) is that of the N test molecules to the nearest training molecule.
    """
    ends = np.full((2, len(predictions)), np.nan)
    test = np.array(predictions["part"].to_pylist()) == "test"
    if calibration.highest >= LEVEL:
        ends[:, test] = calibration.interval(predictions["prediction"].to_numpy()[test], similarity, LEVEL)
    for name, column in zip(("low", "high"), ends, strict=True):
        predictions = predictions.append_column(name, pa.array(column, from_pandas=True))
    return predictions
