"""Predictions of an export folder: of SMILES, or of a table row by row.

Needs only the core install: no Ray, Optuna or MLflow.
"""

import functools
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike

from gear.data.molecules.query import Asked, Query, make_query
from gear.data.parallel import CHUNK, map_chunks
from gear.data.user_files.numbers import Commas
from gear.data.user_files.table_file import Row, TableFile, number_in, open_table, require_column, require_smiles
from gear.data.user_files.table_writer import open_writer, require_suffix
from gear.device import pick_device
from gear.embeddings import get_embedding
from gear.errors import InputDataError
from gear.evaluation.conformal import Calibration
from gear.evaluation.uncertainty import spread
from gear.export import load_export
from gear.methods.plugin import short_name
from gear.model.molecules import MoleculeStore

__all__ = ["BATCH_SIZE", "Counts", "Prediction", "Predictor", "load_predictor", "predict_file"]

BATCH_SIZE = 1024
NOT_FINITE = "the prediction is not a finite number"
ENDS = ("low", "high")  # only where intervals are asked for
ADDED = {
    "prediction": pa.float64(),
    "low": pa.float64(),
    "high": pa.float64(),
    "spread": pa.float64(),
    "similarity": pa.float64(),
    "unit": pa.string(),
    "reason": pa.string(),
}


class Prediction(NamedTuple):
    """Predictions for B molecules."""

    value: np.ndarray  # (B,) in the unit, the weighted mean over the members
    spread: np.ndarray  # (B,) standard deviation over the members (`gear.evaluation.uncertainty.spread`), NaN for one
    similarity: np.ndarray  # (B,) Tanimoto, to the nearest training molecule; NaN for an export of formats 1 and 2


class Predictor:
    """A loaded export folder.

    Attributes:
        property: code of the predicted property.
        unit: unit of the predictions.
        method: method that trained the model, or the first model of an ensemble.
        members: number of models.
        weights: of the models in the mean, (K,), which sum to 1.
        columns: names of the feature columns that are read beside the molecule; usually none.

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
        self.columns: tuple[str, ...] = exported.columns

    def predict(self, smiles: Sequence[str], columns: ArrayLike | None = None) -> np.ndarray:
        """Predictions (B,) in `unit`, in the order given. Stereo and isotopes are ignored, as in training.

        Args:
            smiles: (B,).
            columns: (B, F), the feature columns of each row in the order of `self.columns`, in the units of the table
                that the model was trained on; None where it reads none.

        Raises:
            InputDataError: a SMILES or a feature cannot be used, or columns are missing or too many.
        """
        return self._of(smiles, columns, functools.partial(make_query, self.features, None)).value

    def assess(self, smiles: Sequence[str], columns: ArrayLike | None = None) -> Prediction:
        """Predictions with their spread over the members and their similarity to the training molecules.

        Args and errors are those of `predict`. Similarity is that of the molecule, whatever its feature columns.
        """
        return self._of(smiles, columns, self.prepare)

    def interval(self, found: Prediction, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends (B,) of the prediction intervals of what `assess` found, in `unit`.

        Args:
            found: predictions for B molecules.
            level: probability, per cent, that the value of a molecule like the validation molecules is inside.

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
        """Predictions of a query's molecules."""
        count = len(query.smiles)
        store = MoleculeStore(query.features, self.device, query.columns)
        found = np.empty((self.members, count))
        for rows in torch.arange(count).split(self.batch_size) if count else ():
            batch = store.batch(rows)
            for of_member, (model, scaler) in zip(found, self.models, strict=True):
                of_member[rows.numpy()] = scaler.to_units(model.predict(batch).cpu().double().numpy())
        return Prediction(self.weights @ found, spread(found, self.weights), query.similarity)

    def _of(
        self, smiles: Sequence[str], columns: ArrayLike | None, ready: Callable[[Sequence[Asked]], Query]
    ) -> Prediction:
        rows = [Asked(text, numbers) for text, numbers in zip(smiles, self._numbers(columns, len(smiles)), strict=True)]
        parts = [self.answer(ready([]))]
        for start in range(0, len(rows), CHUNK):
            query = ready(rows[start : start + CHUNK])
            if reason := next(filter(None, query.reasons), ""):
                raise InputDataError(reason)
            parts.append(self.answer(query))
        return Prediction(*map(np.concatenate, zip(*parts, strict=True)))

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
        if not np.isfinite(found).all():
            row, column = np.argwhere(~np.isfinite(found))[0]
            raise InputDataError(f"{self.columns[column]} of row {row} is not a finite number")
        return list(map(tuple, found.tolist()))


def load_predictor(folder: Path, device: str = "auto", batch_size: int = BATCH_SIZE) -> Predictor:
    """Load an export folder.

    Raises:
        StorageError: the folder is not an export, a file in it was changed, or a newer version wrote it.
        InputDataError: there is no such device.
    """
    return Predictor(Path(folder), device, batch_size)


class Counts(NamedTuple):
    """How many rows a file has, and how many of them could not be predicted."""

    rows: int
    bad: int


def predict_file(
    predictor: Predictor,
    molecules: Path,
    out: Path,
    smiles_column: str = "smiles",
    *,
    strict: bool = False,
    interval: float | None = None,
) -> Counts:
    """Predict the molecules of a table, row by row in its order, without holding it in memory.

    A row whose SMILES or feature columns cannot be used gets no prediction and the reason.

    Args:
        predictor: makes the predictions.
        molecules: CSV, TSV or Parquet, plain or gzip, with the feature columns that the model reads.
        out: CSV or Parquet by its name; appears whole or not at all.
        smiles_column: name of the column of SMILES.
        strict: stop with an error at the first bad row.
        interval: level of prediction intervals, per cent, whose ends are written as `low` and `high`; None for none.

    Raises:
        InputDataError: the file or its column cannot be used, a bad row with `strict`, or see `Predictor.interval`.
        StorageError: `out` cannot be written.
    """
    require_suffix(out)
    if interval is not None:
        predictor.calibrated(interval)
    added = {name: kind for name, kind in ADDED.items() if interval is not None or name not in ENDS}
    table = open_table(molecules, [smiles_column, *predictor.columns])
    column = require_smiles(table, smiles_column)
    advice = "the model reads it beside the molecule, so add it"
    features = {name: require_column(table, name, advice) for name in predictor.columns}
    if taken := [name for name in added if name in table.columns]:
        raise InputDataError(f"{molecules} has a column '{taken[0]}', which predictions add: rename or drop it")
    waiting: deque[Row] = deque()  # read, and being made ready
    rows = bad = 0
    schema = pa.schema([*map(pa.field, table.columns, table.types), *map(pa.field, added, added.values())])
    with open_writer(out, schema) as write:
        for query in map_chunks(predictor.prepare, _asked(table, column, features, waiting), table.size, "predicting"):
            chunk = [waiting.popleft() for _ in query.reasons]
            rows_out = list(_output_rows(chunk, table, query, _numbers(predictor, query, interval), predictor.unit))
            wrong = [row.line for row, output in zip(chunk, rows_out, strict=True) if output[-1]]
            if strict and wrong:
                reason = next(output[-1] for output in rows_out if output[-1])
                raise InputDataError(f"{molecules} row {wrong[0]}: {reason}: fix the file")
            write(rows_out)
            rows, bad = rows + len(chunk), bad + len(wrong)
    return Counts(rows, bad)


def _asked(table: TableFile, smiles: int, features: Mapping[str, int], waiting: deque[Row]) -> Iterator[Asked]:
    """The rows, given the places of their columns; `waiting` keeps the rows until they are predicted."""
    commas = [table.commas(place) for place in features.values()]
    for row in table.rows:
        waiting.append(row)
        if len(row.cells) != len(table.columns):
            yield Asked(None, fault=f"{len(row.cells)} cells where the header has {len(table.columns)}")
        else:
            yield _with_features(row, smiles, features, commas)


def _with_features(row: Row, smiles: int, features: Mapping[str, int], commas: Sequence[Commas]) -> Asked:
    numbers = []
    for (name, place), meaning in zip(features.items(), commas, strict=True):
        try:
            numbers.append(number_in(row.cells[place], meaning))
        except ValueError as error:
            return Asked(row.cells[smiles], fault=f"column '{name}': {error}")
    return Asked(row.cells[smiles], tuple(numbers))


def _numbers(predictor: Predictor, query: Query, interval: float | None) -> list[np.ndarray]:
    """The columns of numbers (M,) that are added, in the order of `ADDED`."""
    found = predictor.answer(query)
    ends = () if interval is None else predictor.interval(found, interval)
    return [found.value, *ends, found.spread, found.similarity]


def _output_rows(
    rows: Sequence[Row], table: TableFile, query: Query, numbers: Sequence[np.ndarray], unit: str
) -> Iterator[Sequence[object]]:
    """The rows of the output file; numbers that are not known are None."""
    width = len(table.columns)
    answers = zip(*map(_known, numbers), strict=True)
    for row, unusable in zip(rows, query.reasons, strict=True):
        answer = (None,) * len(numbers) if unusable else next(answers)
        reason = unusable or (NOT_FINITE if answer[0] is None else "")
        yield [*itertools.islice(itertools.chain(row.cells, itertools.repeat("")), width), *answer, unit, reason]


def _known(numbers: np.ndarray) -> list[float | None]:
    return [number if math.isfinite(number) else None for number in numbers.tolist()]
