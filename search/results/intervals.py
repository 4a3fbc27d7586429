"""The prediction intervals of models that were searched for: calibrated on validation, counted on the test part."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gear.evaluation.calibrate import calibrate, training_similarity
from gear.evaluation.conformal import Calibration, coverage_numbers, measure_coverage
from gear.evaluation.held_out import HeldOutPredictions, out_of_fold

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["calibration_of", "coverage_of"]


def calibration_of(ensemble: "Sequence[Member]", alone: Sequence[HeldOutPredictions]) -> Calibration:
    """The calibration of models that predict together.

    Args:
        ensemble: the models.
        alone: what each of them predicts for the held-out molecules.
    """
    return calibrate(out_of_fold(alone), [member.pair for member in ensemble])


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

    test = combined(alone).of_part("test")
    similarity = training_similarity(test.smiles, [member.pair for member in ensemble])
    return coverage_numbers(measure_coverage(calibration, test.value, test.prediction, similarity))
