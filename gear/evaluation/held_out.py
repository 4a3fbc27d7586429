"""What a model predicts for molecules that it was not trained on, and the table that keeps it. Needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gear.errors import StorageError
from gear.label_scaler import Scaler

__all__ = ["HeldOutPredictions", "PartPredictions", "out_of_fold", "predictions_table", "read_predictions"]

PARTS = ("validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutPredictions:
    """Molecules that the target was not trained on, N in all, and what a model predicts for them.

    Attributes:
        smiles: (N,) canonical.
        part: (N,) `validation` or `test`.
        value: (N,) true, in the property's unit.
        prediction: (N,) in the unit.
        spread: (N,) standard deviation over the members of an ensemble, NaN for one model.
        scaler: of the target's training part.
    """

    smiles: np.ndarray
    part: np.ndarray
    value: np.ndarray
    prediction: np.ndarray
    spread: np.ndarray
    scaler: Scaler

    def of_part(self, part: str) -> "HeldOutPredictions":
        """The molecules of one part."""
        rows = self.part == part
        value, prediction, spread = self.value[rows], self.prediction[rows], self.spread[rows]
        return HeldOutPredictions(self.smiles[rows], self.part[rows], value, prediction, spread, self.scaler)


@dataclass(frozen=True, slots=True, eq=False)
class PartPredictions:
    """Labels and predictions (N,) of one part, in the property's unit, and the molecules they belong to."""

    smiles: np.ndarray
    true: np.ndarray
    predicted: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Of every prediction, (N,)."""
        return np.asarray(self.predicted - self.true)


def out_of_fold(members: Sequence[HeldOutPredictions], weights: np.ndarray | None = None) -> HeldOutPredictions:
    """Validation molecules of all members, each predicted only by members that were validated on it.

    A molecule that several members were validated on has the mean and spread of their predictions. Molecules are sorted
    by SMILES; errors are standardised by the first member's scaler.

    Args:
        members: what K models predict.
        weights: of the members in the mean, (K,), relative to each other; by default all are equal.
    """
    parts = [member.of_part("validation") for member in members]
    smiles, place = np.unique(np.concatenate([part.smiles for part in parts]).astype(str), return_inverse=True)
    value = np.empty(len(smiles))
    value[place] = np.concatenate([part.value for part in parts])
    predicted = np.concatenate([part.prediction for part in parts])
    share = np.repeat(np.ones(len(members)) if weights is None else weights, [len(part.value) for part in parts])
    share = share / np.bincount(place, share)[place]
    mean = np.bincount(place, share * predicted)
    squares = np.bincount(place, share * np.square(predicted - mean[place]))
    divisor = 1 - np.bincount(place, np.square(share))  # of equal shares (K - 1) / K, as in a sample's variance
    spread = np.sqrt(squares / np.where(divisor > 1e-12, divisor, np.nan))
    part = np.repeat("validation", len(smiles))
    return HeldOutPredictions(smiles.astype(object), part, value, mean, spread, members[0].scaler)


def predictions_table(held_out: HeldOutPredictions) -> pa.Table:
    """One row per molecule: `smiles`, `value`, `prediction`, `spread` (empty for one model) and `part`."""
    return pa.table(
        {
            "smiles": pa.array(held_out.smiles, pa.string()),
            "value": pa.array(held_out.value),
            "prediction": pa.array(held_out.prediction),
            "spread": pa.array(held_out.spread, from_pandas=True),
            "part": pa.array(held_out.part, pa.string()),
        }
    )


def read_predictions(source: Path | BinaryIO, name: str) -> dict[str, PartPredictions]:
    """The parts of a Parquet file that holds a `predictions_table`; rows that are not finite are left out.

    Args:
        source: the file.
        name: of the file, for an error.

    Raises:
        StorageError: it is not such a file.
    """
    try:
        table = pq.read_table(source, columns=["part", "smiles", "value", "prediction"])
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{name} holds no predictions ({error}): remove it to go on without them") from error
    part, smiles, true, predicted = (table[n].to_numpy() for n in ("part", "smiles", "value", "prediction"))
    parts = {}
    for which in PARTS:
        rows = (part == which) & np.isfinite(true) & np.isfinite(predicted)
        if rows.any():
            parts[which] = PartPredictions(smiles[rows], true[rows], predicted[rows])
    return parts
