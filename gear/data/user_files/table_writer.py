"""Writes a table row by row, as CSV or Parquet. The file appears only when it is complete."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from gear.drafts import draft_file
from gear.errors import InputDataError, StorageError

__all__ = ["open_writer", "require_suffix"]

ROW_GROUP = 20_000  # rows of Parquet that are written together

# after which spreadsheets run what follows; the last four are the wide forms of East Asian keyboards
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Row = Iterable[object]
Write = Callable[[Iterable[Row]], None]


def require_suffix(path: Path) -> None:
    """Check that the file name has a suffix that is written.

    Raises:
        InputDataError: the name ends in neither .csv nor .parquet.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InputDataError(f"cannot write {path}: give it a name that ends in .csv or .parquet")


@contextmanager
def open_writer(path: Path, schema: pa.Schema, *, safe_for_excel: bool = False) -> Iterator[Write]:
    """A context that gives a function to write rows; the file appears when the block ends without an error.

    Args:
        path: ends in .csv or .parquet.
        schema: columns and, for Parquet, their types.
        safe_for_excel: put an apostrophe before texts, names of columns included, that a spreadsheet would run as
            formulas.

    Raises:
        InputDataError: the name ends in neither .csv nor .parquet.
        StorageError: the file cannot be written.
    """
    require_suffix(path)
    if safe_for_excel:
        schema = pa.schema([field.with_name(str(_harmless(field.name))) for field in schema])
    form = _csv if path.suffix.lower() == ".csv" else _parquet
    try:
        with draft_file(path) as draft, form(draft, schema) as write:
            yield (lambda rows: write(map(_harmless, row) for row in rows)) if safe_for_excel else write
    except (OSError, pa.ArrowException) as error:
        _refuse(path, error)


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet runs: a text that begins like a formula and is no number gets an apostrophe."""
    if not isinstance(cell, str) or not cell.lstrip(" ").startswith(FORMULA_SIGNS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _refuse(path: Path, error: Exception) -> NoReturn:
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    raise StorageError(f"cannot write {path}: {reason}") from error


@contextmanager
def _csv(draft: Path, schema: pa.Schema) -> Iterator[Write]:
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(schema.names)
        yield writer.writerows


@contextmanager
def _parquet(draft: Path, schema: pa.Schema) -> Iterator[Write]:
    waiting: list[Row] = []
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:

        def write(rows: Iterable[Row]) -> None:
            waiting.extend(rows)
            if len(waiting) >= ROW_GROUP:
                flush()

        def flush() -> None:
            columns = zip(*waiting, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            waiting.clear()

        yield write
        if waiting:
            flush()
