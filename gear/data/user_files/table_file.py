"""Reads a user's table row by row: text with commas, semicolons or tabs, plain or gzip, or Parquet."""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gear.errors import InputDataError

__all__ = ["Cell", "Row", "TableFile", "number_in", "open_table", "require_column"]

DELIMITERS = (",", ";", "\t")
PARQUET_ROWS = 10_000  # read at once
LARGEST = 1e30  # absolute value of a number; the square of a larger one overflows
Cell = str | float | None


class Row(NamedTuple):
    """The cells of a row, None for an empty one, and the row's line in the file (its number in Parquet)."""

    line: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class TableFile:
    """An open table of about `size` rows, which can be iterated once. `decimal_comma`: numbers may be written 1,5."""

    path: Path
    columns: tuple[str, ...]
    types: tuple[pa.DataType, ...]  # of the columns; all strings for text
    rows: Iterator[Row]
    size: int
    decimal_comma: bool = False


def open_table(path: Path) -> TableFile:
    """Open a table. Its rows are read while they are iterated, which can raise the same errors.

    Raises:
        InputDataError: the file is missing, not readable, empty, damaged, or in another format or encoding.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputDataError(f"cannot read {path}: {error.strerror}") from error
    if magic.startswith(b"PAR1"):
        return _open_parquet(path)
    if magic.startswith(b"PK"):
        raise InputDataError(f"{path} is an Excel workbook or a zip file: save the sheet as CSV UTF-8")
    return _open_text(path, zipped=magic.startswith(b"\x1f\x8b"))


def require_column(table: TableFile, name: str, advice: str) -> int:
    """Index of a column; `advice` says in the message what to do where there is none.

    Raises:
        InputDataError: no column has that name, or more than one.
    """
    if (count := table.columns.count(name)) == 1:
        return table.columns.index(name)
    if count > 1:
        raise InputDataError(f"{table.path} has {count} columns '{name}': rename all but one")
    hint = "" if len(table.columns) > 1 else "; cells are separated by commas, semicolons or tabs"
    shown = ", ".join(table.columns[:20])[:500]
    raise InputDataError(f"{table.path} has no column '{name}' (it has: {shown}): {advice}{hint}")


def number_in(cell: Cell, *, decimal_comma: bool) -> float:
    """The finite number in a cell.

    Raises:
        ValueError: there is none, or its absolute value is above LARGEST; the message is the reason.
    """
    text = cell.strip() if isinstance(cell, str) else "" if cell is None else repr(cell)
    if decimal_comma and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is not a finite number")
    if abs(value) > LARGEST:
        raise ValueError(f"{text} is larger than {LARGEST:g}")
    return value


def _open_text(path: Path, *, zipped: bool) -> TableFile:
    lines = _lines(path, zipped=zipped)
    first = next(lines, "")
    delimiter = max(DELIMITERS, key=first.count)
    cells = _cells(path, first, lines, delimiter)
    header = next(cells, None)
    if header is None or not any(map(str.strip, header[1])):
        raise InputDataError(f"{path} is empty: it needs a header line with a SMILES column and a column of values")
    columns = tuple(name.strip() for name in header[1])
    size = sum(1 for _ in _lines(path, zipped=zipped)) - 1
    types = (pa.string(),) * len(columns)
    return TableFile(path, columns, types, (Row(*row) for row in cells), size, decimal_comma=delimiter != ",")


def _lines(path: Path, *, zipped: bool) -> Iterator[str]:
    """Lines of a UTF-8 text file with any line ending."""
    number = 0
    try:
        with path.open("rb") as raw:
            binary: IO[bytes] = gzip.open(raw) if zipped else raw  # type: ignore[assignment]
            for number, line in enumerate(binary, 1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputDataError(
            f"{path} row {number}: byte 0x{byte:02x} is not UTF-8: save the file as CSV UTF-8"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputDataError(f"{path} is a damaged gzip file ({error})") from error
    except OSError as error:
        raise InputDataError(f"cannot read {path}: {error.strerror or error}") from error


def _cells(path: Path, first: str, rest: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with their line number. A blank line is no row; a line with an empty cell in quotes is one."""

    def text() -> Iterator[str]:
        yield first
        yield from rest

    reader = csv.reader(text(), delimiter=delimiter)
    try:
        for cells in reader:
            if cells and not (len(cells) == 1 and cells[0].isspace()):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputDataError(f"{path} row {reader.line_num}: not CSV ({error})") from error


def _open_parquet(path: Path) -> TableFile:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputDataError(f"{path} is a damaged Parquet file ({_first_line(error)})") from error
    schema = file.schema_arrow
    return TableFile(path, tuple(schema.names), tuple(schema.types), _parquet_rows(path, file), file.metadata.num_rows)


def _parquet_rows(path: Path, file: pq.ParquetFile) -> Iterator[Row]:
    number = 0
    try:
        for batch in file.iter_batches(PARQUET_ROWS):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield Row(number, cells)
    except (pa.ArrowException, OSError) as error:
        raise InputDataError(f"{path} is damaged after row {number} ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
