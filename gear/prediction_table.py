"""Predictions of a table with an export folder, row by row: every row and column is kept, the answer is added."""

import itertools
import math
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from gear.data.molecules.query import Asked
from gear.data.parallel import map_chunks
from gear.data.user_files.numbers import Commas
from gear.data.user_files.table_file import Row, TableFile, number_in, open_table, require_column, require_smiles
from gear.data.user_files.table_writer import open_writer, require_suffix
from gear.errors import InputDataError
from gear.prediction import Predictor

__all__ = ["Counts", "predict_file"]

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


class Counts(NamedTuple):
    """How many rows a file has, and how many of them could not be predicted."""

    rows: int
    bad: int
    columns: tuple[str, ...]  # that were added; the last one has the reasons


def predict_file(
    predictor: Predictor,
    molecules: Path,
    out: Path,
    smiles_column: str = "smiles",
    *,
    strict: bool = False,
    interval: float | None = None,
    prefix: str | None = None,
    safe_for_excel: bool = False,
    warn: Callable[[str], object] = warnings.warn,
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
        prefix: of the names of the added columns. None is no prefix, or the property's name and `_` where the table
            has one of these columns already; this is a warning.
        safe_for_excel: put an apostrophe before texts that a spreadsheet would run as formulas.
        warn: takes a sentence on what was renamed, and on feature columns outside the range of training.

    Raises:
        InputDataError: the file or its column cannot be used, a bad row with `strict`, a column with the prefix exists,
            or see `Predictor.interval`.
        StorageError: `out` cannot be written.
    """
    require_suffix(out)
    if interval is not None:
        predictor.calibrated(interval)
    table = open_table(molecules, [smiles_column, *predictor.columns])
    column = require_smiles(table, smiles_column)
    advice = "the model reads it beside the molecule, so add it"
    features = {name: require_column(table, name, advice) for name in predictor.columns}
    kinds = {name: kind for name, kind in ADDED.items() if interval is not None or name not in ENDS}
    added = _names(table, list(kinds), predictor.property, prefix, warn)
    waiting: deque[Row] = deque()  # read, and being made ready
    rows, bad, outside = 0, 0, Counter[str]()
    schema = pa.schema([*map(pa.field, table.columns, table.types), *map(pa.field, added, kinds.values())])
    with open_writer(out, schema, safe_for_excel=safe_for_excel) as write:
        for query in map_chunks(predictor.prepare, _asked(table, column, features, waiting), table.size, "predicting"):
            chunk = [waiting.popleft() for _ in query.reasons]
            found = predictor.answer(query)
            ends = () if interval is None else predictor.interval(found, interval)
            wrong = np.flatnonzero(found.reason != "")
            if strict and len(wrong):
                reason = found.reason[wrong[0]]
                raise InputDataError(f"{molecules} row {chunk[wrong[0]].line}: {reason}: fix the file")
            numbers = [found.value, *ends, found.spread, found.similarity]
            write(_output_rows(chunk, len(table.columns), numbers, found.reason.tolist(), predictor.unit))
            rows, bad, outside = rows + len(chunk), bad + len(wrong), outside + predictor.outside(query)
    for name, count in outside.items():
        warn(predictor.outside_words(name, count))
    return Counts(rows, bad, tuple(added))


def _names(
    table: TableFile, added: list[str], code: str, prefix: str | None, warn: Callable[[str], object]
) -> list[str]:
    """The names of the added columns, of which the table has none."""

    def taken(prefix: str) -> str:
        return next((prefix + name for name in added if prefix + name in table.columns), "")

    used, there = prefix or "", taken(prefix or "")
    if there and prefix is not None:
        advice = "give another --prefix, or rename or drop it"
        raise InputDataError(f"{table.path} has a column '{there}', which predictions add: {advice}")
    if there:
        candidates = (f"{code}_" if number == 1 else f"{code}_{number}_" for number in itertools.count(1))
        used = next(prefix for prefix in candidates if not taken(prefix))
        warn(f"{table.path} has a column '{there}' already: the columns that are added begin with {used}")
    return [used + name for name in added]


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


def _output_rows(
    rows: Sequence[Row], width: int, numbers: Sequence[np.ndarray], reasons: Sequence[str], unit: str
) -> Iterator[Sequence[object]]:
    """The rows of the output file, given the columns of numbers (R,) that are added; those not known are None."""
    for row, answer, reason in zip(rows, zip(*map(_known, numbers), strict=True), reasons, strict=True):
        yield [*itertools.islice(itertools.chain(row.cells, itertools.repeat("")), width), *answer, unit, reason]


def _known(numbers: np.ndarray) -> list[float | None]:
    return [number if math.isfinite(number) else None for number in numbers.tolist()]
