"""The prediction intervals of models that were searched for: calibrated on validation, counted on the test part."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gear.evaluation.calibrate import calibrate, training_similarity
from gear.evaluation.conformal import Calibration, coverage_numbers, measure_coverage
from gear.evaluation.held_out import HeldOutPredictions, out_of_fold
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
    """What `search.results.ensemble.judge` finds, with the models' prediction intervals.

    The table has the ends of the intervals of 90 %, the scores have the coverage by
    `gear.evaluation.conformal.coverage_numbers`.

    Args:
        ensemble: the models.
        alone: what each of them predicts for the held-out molecules.
    """
    calibration = calibration_of(ensemble, alone)
    predictions, scores = judge(alone, weights_of(ensemble))
    coverage = coverage_of(ensemble, alone, calibration)
    return with_intervals(predictions, ensemble, calibration), scores | coverage


def coverage_of(
    ensemble: "Sequence[Member]", alone: Sequence[HeldOutPredictions], calibration: Calibration
) -> dict[str, float]:
    """How many test molecules are inside their intervals, by `gear.evaluation.conformal.coverage_numbers`.

    Args:
        ensemble: the models.
        alone: what each of them predicts for the held-out molecules.
        calibration: of the models together.
    """
    from gear.evaluation.evaluate import combined  # torch, not before it is needed

    test = combined(alone, weights_of(ensemble)).of_part("test")
    similarity = training_similarity(test.smiles, [member.pair for member in ensemble])
    return coverage_numbers(measure_coverage(calibration, test.value, test.prediction, similarity))


def with_intervals(predictions: pa.Table, ensemble: "Sequence[Member]", calibration: Calibration) -> pa.Table:
    """A table of predictions with the ends of the test molecules' intervals of 90 %, `low` and `high`.

    They are empty for validation molecules, which the intervals are made of, and where there are too few of these.
    """
    ends = np.full((2, len(predictions)), np.nan)
    test = np.array(predictions["part"].to_pylist()) == "test"
    if calibration.highest >= LEVEL:
        smiles, prediction = (predictions[name].to_numpy()[test] for name in ("smiles", "prediction"))
        similarity = training_similarity(smiles, [member.pair for member in ensemble])
        ends[:, test] = calibration.interval(prediction, similarity, LEVEL)
    for name, column in zip(("low", "high"), ends, strict=True):
        predictions = predictions.append_column(name, pa.array(column, from_pandas=True))
    return predictions
