"""What a model predicts for molecules that it was not trained on, and the table that keeps it. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gear.data.distinct import distinct_points
from gear.errors import StorageError
from gear.label_scaler import Scaler

__all__ = [
    "HeldOutPredictions",
    "PartPredictions",
    "held_out_of",
    "out_of_fold",
    "predictions_table",
    "read_predictions",
]

PARTS = ("validation", "test")
COLUMNS = ("smiles", "part", "value", "prediction", "spread")
FEATURE = {"kind": "feature"}  # marks the feature columns among those of a table


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutPredictions:
    """Molecules that the target was not trained on, and what a model predicts for them, N predictions in all.

    Where the target has feature columns a molecule occurs once for each of its sets of features.

    Attributes:
        smiles: (N,) canonical.
        part: (N,) `validation` or `test`.
        value: (N,) true, in the property's unit.
        prediction: (N,) in the unit.
        spread: (N,) standard deviation over the members of an ensemble, NaN for one model.
        scaler: of the target's training part.
        features: (N,) each, the feature columns by name.
    """

    smiles: np.ndarray
    part: np.ndarray
    value: np.ndarray
    prediction: np.ndarray
    spread: np.ndarray
    scaler: Scaler
    features: Mapping[str, np.ndarray] = field(default_factory=dict)

    def of_part(self, part: str) -> "HeldOutPredictions":
        """The molecules of one part."""
        rows = self.part == part
        value, prediction, spread = self.value[rows], self.prediction[rows], self.spread[rows]
        features = {name: column[rows] for name, column in self.features.items()}
        return HeldOutPredictions(self.smiles[rows], self.part[rows], value, prediction, spread, self.scaler, features)


@dataclass(frozen=True, slots=True, eq=False)
class PartPredictions:
    """Labels and predictions (N,) of one part, in the property's unit, their molecules and, if any, feature columns."""

    smiles: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    features: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def error(self) -> np.ndarray:
        """Of every prediction, (N,)."""
        return np.asarray(self.predicted - self.true)

    @property
    def keys(self) -> list[tuple[object, ...]]:
        """What identifies each row in another model's predictions for the part, (N,)."""
        return list(zip(self.smiles, *self.features.values(), strict=True))


def out_of_fold(members: Sequence[HeldOutPredictions], weights: np.ndarray | None = None) -> HeldOutPredictions:
    """Validation molecules of all members, each predicted only by members that were validated on it.

    A molecule that several members were validated on has the mean and spread of their predictions. Molecules are sorted
    by SMILES, and by their feature columns; errors are standardised by the first member's scaler.

    Args:
        members: what K models predict.
        weights: of the members in the mean, (K,), relative to each other; by default all are equal.
    """
    parts = [member.of_part("validation") for member in members]
    smiles = np.concatenate([part.smiles for part in parts])
    features = {name: np.concatenate([part.features[name] for part in parts]) for name in parts[0].features}
    molecule = np.unique(smiles.astype(str), return_inverse=True)[1]
    columns = np.column_stack([*features.values()]) if features else np.empty((len(smiles), 0))
    first, place = distinct_points(molecule, columns)
    value = np.concatenate([part.value for part in parts])[first]
    predicted = np.concatenate([part.prediction for part in parts])
    share = np.repeat(np.ones(len(members)) if weights is None else weights, [len(part.value) for part in parts])
    share = share / np.bincount(place, share)[place]
    mean = np.bincount(place, share * predicted)
    squares = np.bincount(place, share * np.square(predicted - mean[place]))
    divisor = 1 - np.bincount(place, np.square(share))  # of equal shares (K - 1) / K, as in a sample's variance
    spread = np.sqrt(squares / np.where(divisor > 1e-12, divisor, np.nan))
    part = np.repeat("validation", len(first))
    kept = {name: column[first] for name, column in features.items()}
    return HeldOutPredictions(smiles[first], part, value, mean, spread, members[0].scaler, kept)


def predictions_table(held_out: HeldOutPredictions) -> pa.Table:
    """One row per prediction: `smiles`, `value`, `prediction`, `spread` (empty for one model), `part`, features."""
    columns = {
        "smiles": pa.array(held_out.smiles, pa.string()),
        "value": pa.array(held_out.value),
        "prediction": pa.array(held_out.prediction),
        "spread": pa.array(held_out.spread, from_pandas=True),
        "part": pa.array(held_out.part, pa.string()),
    }
    table = pa.table(columns)
    for name, column in held_out.features.items():
        table = table.append_column(pa.field(name, pa.float64(), metadata=FEATURE), pa.array(column, pa.float64()))
    return table


def held_out_of(table: pa.Table, scaler: Scaler) -> HeldOutPredictions:
    """The predictions of a `predictions_table`, whose models had this scaler; other columns of it are left out.

    Raises:
        KeyError: a column is missing.
    """
    smiles, part, value, prediction, spread = (table[name].to_numpy() for name in COLUMNS)
    features = {name: table[name].to_numpy() for name in _feature_columns(table)}
    return HeldOutPredictions(smiles, part, value, prediction, spread, scaler, features)


def read_predictions(source: Path | BinaryIO, name: str) -> dict[str, PartPredictions]:
    """The parts of a Parquet file that holds a `predictions_table`; rows that are not finite are left out.

    Args:
        source: the file.
        name: of the file, for an error.

    Raises:
        StorageError: it is not such a file.
    """
    try:
        table = pq.read_table(source)
        part, smiles, true, predicted = (table[n].to_numpy() for n in ("part", "smiles", "value", "prediction"))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise StorageError(f"{name} holds no predictions ({error}): remove it to go on without them") from error
    features = {name: table[name].to_numpy() for name in _feature_columns(table)}
    parts = {}
    for which in PARTS:
        rows = (part == which) & np.isfinite(true) & np.isfinite(predicted)
        if rows.any():
            of_part = {name: column[rows] for name, column in features.items()}
            parts[which] = PartPredictions(smiles[rows], true[rows], predicted[rows], of_part)
    return parts


def _feature_columns(table: pa.Table) -> list[str]:
    return [column.name for column in table.schema if (column.metadata or {}).get(b"kind") == b"feature"]
