"""The file of an export folder that holds what its prediction intervals are made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

from gear.errors import InputDataError
from gear.evaluation.conformal import Calibration
from gear.parsing import from_dict

__all__ = ["CALIBRATION", "calibration_facts", "load_calibration", "save_calibration"]

CALIBRATION = "calibration.safetensors"
SCORES, WEIGHTS = "scores", "weights"  # tensors


@dataclass(frozen=True, slots=True)
class _Facts:
    """What config.json says that a calibration is made of."""

    slope: float
    log10: bool


def calibration_facts(calibration: Calibration | None) -> dict[str, Any] | None:
    """What config.json says of a calibration; None if there is none."""
    if calibration is None:
        return None
    facts = {"molecules": calibration.molecules, "highest_level": calibration.highest}
    return facts | {"slope": calibration.slope, "log10": calibration.log10}


def save_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Write the file, if there is a calibration.

    Raises:
        OSError: the file cannot be written.
    """
    if calibration is not None:
        weights = {} if calibration.weights is None else {WEIGHTS: calibration.weights}
        (folder / CALIBRATION).write_bytes(save({SCORES: calibration.scores, **weights}))


def load_calibration(folder: Path, facts: Mapping[str, Any] | None) -> Calibration | None:
    """Read the file, if the facts in config.json say that there is one.

    Raises:
        ValueError: they or the file are not what `save_calibration` writes.
        OSError, SafetensorError: the file cannot be read.
    """
    if facts is None:
        return None
    try:
        told = from_dict(_Facts, {name: facts[name] for name in ("slope", "log10")}, "calibration")
    except InputDataError as error:
        raise ValueError(str(error)) from error
    tensors = load_file(folder / CALIBRATION)
    scores, weights = tensors.get(SCORES), tensors.get(WEIGHTS)
    if scores is None or scores.dtype != np.float64 or scores.ndim != 1:
        raise ValueError(f"{CALIBRATION} holds no scores")
    if not (math.isfinite(told.slope) and (scores >= 0).all() and (scores[:-1] <= scores[1:]).all()):
        raise ValueError("the calibration is not one of ascending errors")
    if weights is not None and not _are_weights(weights, len(scores)):
        raise ValueError("the weights of the calibration are not those of whole molecules")
    return Calibration(scores, told.slope, told.log10, weights)


def _are_weights(weights: np.ndarray, count: int) -> bool:
    """Whether they can be the weights of so many scores, each one over a number, which sum to a number of molecules."""
    if weights.dtype != np.float64 or weights.shape != (count,) or not ((weights > 0) & (weights <= 1)).all():
        return False
    return math.isclose(total := float(weights.sum()), round(total), rel_tol=1e-9)
