"""Predictions of an export folder, of SMILES; `gear.prediction_table` makes those of a table.

Needs only the core install: no Ray, Optuna or MLflow.
"""

import functools
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

from gear.data.molecules.query import Asked, Query, make_query
from gear.data.parallel import CHUNK
from gear.device import pick_device
from gear.embeddings import get_embedding
from gear.errors import InputDataError
from gear.evaluation.conformal import Calibration
from gear.evaluation.uncertainty import spread
from gear.export import ColumnRange, load_export
from gear.methods.plugin import short_name
from gear.model.molecules import MoleculeStore

__all__ = ["BATCH_SIZE", "NOT_FINITE", "Prediction", "Predictor", "load_predictor"]

BATCH_SIZE = 1024
NOT_FINITE = "the prediction is not a finite number"


class Prediction(NamedTuple):
    """Predictions for B molecules; NaN, and a reason, for one that cannot be predicted."""

    value: np.ndarray  # (B,) in the unit, the weighted mean over the members
    spread: np.ndarray  # (B,) standard deviation over the members (`gear.evaluation.uncertainty.spread`), NaN for one
    similarity: np.ndarray  # (B,) Tanimoto, to the nearest training molecule; NaN for an export of formats 1 and 2
    reason: np.ndarray  # (B,) of str: why a molecule has no prediction, empty if it has one


class Predictor:
    """A loaded export folder.

    Attributes:
        property: code of the predicted property.
        unit: unit of the predictions.
        method: method that trained the model, or the first model of an ensemble.
        members: number of models.
        weights: of the models in the mean, (K,), which sum to 1.
        columns: names of the feature columns that are read beside the molecule; usually none.
        ranges: of these columns in training.

    Args:
        folder: the export.
        device: `auto` uses a GPU if there is one.
        batch_size: number of molecules in one forward pass.
    """

    def __init__(self, folder: Path, device: str = "auto", batch_size: int = BATCH_SIZE) -> None:
        if batch_size < 1:
            raise InputDataError(f"a batch of {batch_size} molecules: give one or more")
        exported = load_export(folder)
        self.device, self.batch_size = pick_device(device), batch_size
        self.models = [(member.model.to(self.device), member.scaler) for member in exported.members]
        self.weights = np.array([member.weight for member in exported.members])
        self.property: str = exported.info["property"]
        self.unit: str = exported.info["unit"]
        self.method = short_name(exported.info["members"][0]["trial"]["config"]["method"])
        self.members = len(self.models)
        kinds = {kind for model, _ in self.models for kind in model.predicting_kinds}
        self.features = {kind: get_embedding(kind).features for kind in sorted(kinds)}
        self.neighbours = exported.neighbours
        self.calibration = exported.calibration
        self.source = f"{folder} (export format {exported.info['format']})"
        self.ranges: Mapping[str, ColumnRange] = exported.columns
        self.columns = tuple(self.ranges)
        self._warned: set[str] = set()  # columns of which it was said that they are outside their range

    def predict(self, smiles: Sequence[str], columns: ArrayLike | None = None) -> np.ndarray:
        """Predictions (B,) in `unit`, in the order given. Stereo and isotopes are ignored, as in training.

        A feature column outside the range that the model was trained on is a warning, once.

        Args:
            smiles: (B,).
            columns: (B, F), the feature columns of each row in the order of `self.columns`, in the units of the table
                that the model was trained on; None where it reads none.

        Raises:
            InputDataError: a SMILES or a feature cannot be used, or columns are missing or too many.
        """
        values, place = [np.empty(0)], 0
        for found in self._answers(smiles, columns, functools.partial(make_query, self.features, None)):
            for reason in filter(None, found.reason):
                if reason != NOT_FINITE:
                    row = place + found.reason.tolist().index(reason)
                    raise InputDataError(f"molecule {row}: {reason}; `assess` predicts the others")
            values.append(found.value)
            place += len(found.value)
        return np.concatenate(values)

    def assess(self, smiles: Sequence[str], columns: ArrayLike | None = None) -> Prediction:
        """Predictions with their spread over the members and their similarity to the training molecules.

        A molecule that cannot be predicted has the reason. Similarity is that of the molecule, whatever its feature
        columns. Args are those of `predict`.

        Raises:
            InputDataError: columns are missing or too many.
        """
        found = list(self._answers(smiles, columns, self.prepare))
        return Prediction(*map(np.concatenate, zip(*found, strict=True))) if found else self.answer(self.prepare([]))

    def interval(self, found: Prediction, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends (B,) of the prediction intervals of what `assess` found, in `unit`.

        Args:
            found: predictions for B molecules.
            level: share, per cent, of molecules like the validation molecules whose value is to be inside;
                `gear.evaluation.conformal` says where that is guaranteed.

        Raises:
            InputDataError: the export has no calibration, or too few validation molecules for the level.
        """
        return self.calibrated(level).interval(found.value, found.similarity, level)

    def calibrated(self, level: float) -> Calibration:
        """The calibration, checked to have intervals of a level, per cent.

        Raises:
            InputDataError: see `interval`.
        """
        if self.calibration is None:
            raise InputDataError(
                f"{self.source} holds no calibration of prediction intervals: export the model again, or predict "
                "without them"
            )
        self.calibration.check(level)
        return self.calibration

    @property
    def prepare(self) -> Callable[[Sequence[Asked]], Query]:
        """A function that prepares rows for `answer`, in another process if wanted: it does not hold the model."""
        return functools.partial(make_query, self.features, self.neighbours)

    @torch.no_grad()
    def answer(self, query: Query) -> Prediction:
        """Predictions of a query's rows (R,), those that cannot be used among them."""
        usable = np.array([not reason for reason in query.reasons], bool)
        places, count = np.flatnonzero(usable), len(query.smiles)
        store = MoleculeStore(query.features, self.device, query.columns)
        found = np.full((self.members, len(usable)), np.nan)
        similarity = np.full(len(usable), np.nan)
        similarity[places] = query.similarity
        for rows in torch.arange(count).split(self.batch_size) if count else ():
            batch = store.batch(rows)
            for of_member, (model, scaler) in zip(found, self.models, strict=True):
                of_member[places[rows.numpy()]] = scaler.to_units(model.predict(batch).cpu().double().numpy())
        value, reason = self.weights @ found, np.array(query.reasons, object)
        reason[usable & ~np.isfinite(value)] = NOT_FINITE
        return Prediction(value, spread(found, self.weights), similarity, reason)

    def outside(self, query: Query) -> Counter[str]:
        """How many of a query's molecules have a feature column outside the range that the model was trained on."""
        if query.columns is None:
            return Counter()
        low, high = np.array([(column.minimum, column.maximum) for column in self.ranges.values()]).T
        counts = ((query.columns < low) | (query.columns > high)).sum(axis=0)
        return Counter({name: int(count) for name, count in zip(self.columns, counts, strict=True) if count})

    def outside_words(self, name: str, count: int) -> str:
        """A sentence for people on the rows that `outside` counts."""
        column = self.ranges[name]
        told = (
            f"{count:,} {'row has' if count == 1 else 'rows have'} a value of '{name}' outside the range that the model"
        )
        return f"{told} was trained on, {column.minimum:g} to {column.maximum:g}: it extrapolates there"

    def _answers(
        self, smiles: Sequence[str], columns: ArrayLike | None, ready: Callable[[Sequence[Asked]], Query]
    ) -> Iterator[Prediction]:
        """Predictions of a few thousand molecules at once."""
        if isinstance(smiles, str):
            raise InputDataError(f"give a list of SMILES, [{smiles!r}], not a single text")
        rows = list(map(self._asked, smiles, self._numbers(columns, len(smiles))))
        outside: Counter[str] = Counter()
        for start in range(0, len(rows), CHUNK):
            query = ready(rows[start : start + CHUNK])
            outside += self.outside(query)
            yield self.answer(query)
        for name, count in outside.items():
            if name not in self._warned:
                self._warned.add(name)
                warnings.warn(self.outside_words(name, count), stacklevel=3)

    def _asked(self, smiles: str, numbers: tuple[float, ...]) -> Asked:
        odd = next((name for name, number in zip(self.columns, numbers, strict=True) if not math.isfinite(number)), "")
        return Asked(smiles, numbers, f"column '{odd}' is not a finite number" if odd else "")

    def _numbers(self, columns: ArrayLike | None, count: int) -> list[tuple[float, ...]]:
        """The feature columns of so many rows, checked."""
        names, shape = ", ".join(self.columns), (count, len(self.columns))
        if columns is None and self.columns:
            raise InputDataError(
                f"the model reads {names} beside the molecule: give columns, an array of shape {shape}"
            )
        try:
            found = np.empty(shape) if columns is None else np.asarray(columns, np.float64)
        except (TypeError, ValueError) as error:
            raise InputDataError(f"columns must hold numbers: {error}") from error
        if found.shape != shape:
            asked = f"reads {names}: give an array of shape {shape}" if names else "reads none: leave it out"
            raise InputDataError(f"columns has shape {found.shape}, but the model {asked}")
        return list(map(tuple, found.tolist()))


def load_predictor(folder: Path, device: str = "auto", batch_size: int = BATCH_SIZE) -> Predictor:
    """Load an export folder.

    Raises:
        StorageError: the folder is not an export, a file in it was changed, or a newer version wrote it.
        InputDataError: there is no such device.
    """
    return Predictor(Path(folder), device, batch_size)
