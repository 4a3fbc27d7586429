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

from gear.data.molecules.query import Asked, Query
from gear.data.parallel import map_chunks
from gear.data.user_files.numbers import Commas
from gear.data.user_files.table_file import Row, TableFile, number_in, open_table, require_column, require_smiles
from gear.data.user_files.table_writer import open_writer, require_suffix
from gear.errors import InputDataError
from gear.prediction import Prediction, Predictor

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
    """Predict the molecules of a table, row by row, not held in memory; a bad row gets no prediction and the reason.

    Args:
        predictor: makes the predictions.
        molecules: CSV, TSV or Parquet, plain or gzip, with the feature columns that the model reads.
        out: CSV or Parquet by its name; appears whole or not at all.
        smiles_column: of the molecules.
        strict: stop with an error at the first bad row.
        interval: level of prediction intervals, per cent, whose ends are written as `low` and `high`; None for none.
        prefix: of the names of the added columns; None for none or, where the table has one of them, the property's.
        safe_for_excel: put an apostrophe before texts that a spreadsheet would run as formulas.
        warn: takes a sentence on what was renamed, and on feature columns outside the range of training.

    Raises:
        InputDataError: the file or its columns cannot be used, a bad row with `strict`, or see `Predictor.interval`.
        StorageError: `out` cannot be written.
    """
    require_suffix(out)
    if interval is not None:
        predictor.calibrated(interval)
    table = open_table(molecules, [smiles_column, *predictor.columns])
    asked = _asked(table, smiles_column, predictor.columns)
    kinds = {name: kind for name, kind in ADDED.items() if interval is not None or name not in ENDS}
    added = _names(table, list(kinds), predictor.property, prefix, warn)
    schema = pa.schema([*map(pa.field, table.columns, table.types), *map(pa.field, added, kinds.values())])
    rows, bad, outside = 0, 0, Counter[str]()
    with open_writer(out, schema, safe_for_excel=safe_for_excel) as write:
        for chunk, query in _prepared(predictor, asked, table.size):
            found = predictor.answer(query)
            if strict:
                _refuse_bad_rows(molecules, chunk, found)
            ends = () if interval is None else predictor.interval(found, interval)
            write(_output_rows(chunk, len(table.columns), found, ends, predictor.unit))
            rows, bad, outside = rows + len(chunk), bad + sum(found.reason != ""), outside + predictor.outside(query)
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


def _prepared(predictor: Predictor, asked: Iterator[tuple[Row, Asked]], size: int) -> Iterator[tuple[list[Row], Query]]:
    """A few thousand rows at once, with what the model reads of them; other processes may prepare it."""
    waiting: deque[Row] = deque()  # read, and being made ready

    def read() -> Iterator[Asked]:
        for row, question in asked:
            waiting.append(row)
            yield question

    for query in map_chunks(predictor.prepare, read(), size, "predicting"):
        yield [waiting.popleft() for _ in query.reasons], query


def _asked(table: TableFile, smiles_column: str, columns: Sequence[str]) -> Iterator[tuple[Row, Asked]]:
    """The rows, and what is asked for in each.

    Raises:
        InputDataError: the table lacks a column; before any row is read.
    """
    smiles = require_smiles(table, smiles_column)
    advice = "the model reads it beside the molecule, so add it"
    features = {name: require_column(table, name, advice) for name in columns}
    commas = [table.commas(place) for place in features.values()]

    def ask(row: Row) -> Asked:
        if len(row.cells) != len(table.columns):
            return Asked(None, fault=f"{len(row.cells)} cells where the header has {len(table.columns)}")
        return _with_features(row, smiles, features, commas)

    return ((row, ask(row)) for row in table.rows)


def _with_features(row: Row, smiles: int, features: Mapping[str, int], commas: Sequence[Commas]) -> Asked:
    numbers = []
    for (name, place), meaning in zip(features.items(), commas, strict=True):
        try:
            numbers.append(number_in(row.cells[place], meaning))
        except ValueError as error:
            return Asked(row.cells[smiles], fault=f"column '{name}': {error}")
    return Asked(row.cells[smiles], tuple(numbers))


def _refuse_bad_rows(molecules: Path, rows: Sequence[Row], found: Prediction) -> None:
    for row, reason in zip(rows, found.reason.tolist(), strict=True):
        if reason:
            raise InputDataError(f"{molecules} row {row.line}: {reason}: fix the file")


def _output_rows(
    rows: Sequence[Row], width: int, found: Prediction, ends: Sequence[np.ndarray], unit: str
) -> Iterator[Sequence[object]]:
    """The rows of the output file; numbers that are not known are None."""
    answers = zip(*map(_known, (found.value, *ends, found.spread, found.similarity)), strict=True)
    for row, answer, reason in zip(rows, answers, found.reason.tolist(), strict=True):
        yield [*itertools.islice(itertools.chain(row.cells, itertools.repeat("")), width), *answer, unit, reason]


def _known(numbers: np.ndarray) -> list[float | None]:
    return [number if math.isfinite(number) else None for number in numbers.tolist()]
