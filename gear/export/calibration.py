"""The file of an export folder that holds what its prediction intervals are made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file, save_file

from gear.evaluation.conformal import Calibration

__all__ = ["CALIBRATION", "calibration_facts", "load_calibration", "save_calibration"]

CALIBRATION = "calibration.safetensors"
TENSOR = "scores"


def calibration_facts(calibration: Calibration | None) -> dict[str, Any] | None:
    """What config.json says of a calibration; None if there is none."""
    if calibration is None:
        return None
    facts = {"molecules": len(calibration.scores), "highest_level": calibration.highest}
    return facts | {"slope": calibration.slope, "log10": calibration.log10}


def save_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Write the file, if there is a calibration.

    Raises:
        OSError: the file cannot be written.
    """
    if calibration is not None:
        save_file({TENSOR: calibration.scores}, folder / CALIBRATION)


def load_calibration(folder: Path, facts: Mapping[str, Any] | None) -> Calibration | None:
    """Read the file, if the facts in config.json say that there is one.

    Raises:
        OSError, SafetensorError: the file cannot be read.
    """
    if facts is None:
        return None
    return Calibration(load_file(folder / CALIBRATION)[TENSOR], facts["slope"], facts["log10"])
