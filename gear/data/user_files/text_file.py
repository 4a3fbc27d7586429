"""Reads text tables as people write them: any delimiter, line end and preamble, plain or gzip; bounded in size.

The csv module of the standard library parses the rows. That of Arrow names neither the line of a row with a missing
cell nor that of a byte that is not UTF-8, and a message about a user's file names the line.
"""

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from gear.data.user_files.unpacking import ROW, check_unpacked
from gear.errors import InputDataError

__all__ = ["Layout", "count_lines", "layout", "text_rows"]

DELIMITERS = ("\t", ";", ",")  # of equally good ones the first: a comma is often part of a number or a name
LONGEST = 16 * 2**20  # characters of a row
SAMPLE = 50  # lines by which the delimiter is chosen


class Layout(NamedTuple):
    """How a text table is written: its delimiter, its header, the number of lines before that, whether it is gzip."""

    delimiter: str
    columns: tuple[str, ...]
    before: int
    zipped: bool


def layout(path: Path, wanted: Collection[str], *, zipped: bool) -> Layout:
    """Find out how a table is written.

    Args:
        path: of the file.
        wanted: names of columns that a right choice of delimiter finds, in lower case.
        zipped: whether it is a gzip file.

    Raises:
        InputDataError: not readable, no text, or without a header.
    """
    lines = _lines(path, zipped=zipped)
    before, told = 0, ""
    for line in lines:
        text = line.strip()
        if text.lower().startswith("sep=") and len(text) == 5:  # for Excel
            told = text[4]
        elif line.rstrip("\r\n")[:4].lower() == "sep=" and line[4:5] == "\t":
            told = "\t"
        elif text and not text.startswith("#"):
            sample = [line, *itertools.islice(lines, SAMPLE - 1)]
            break
        before += 1
    else:
        sample = [""]
    delimiter = told or max(DELIMITERS, key=lambda one: _fitness(sample, one, wanted))
    header = next(_parsed(path, sample, delimiter), (0, [""]))[1]
    if not any(map(str.strip, header)):
        raise InputDataError(f"{path} is empty: it needs a header line with a SMILES column and a column of values")
    return Layout(delimiter, tuple(name.strip() for name in header), before, zipped)


def text_rows(path: Path, found: Layout) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row after the header, with the line on which the row ends.

    A blank line is no row; a line with an empty cell in quotes is one.

    Raises:
        InputDataError: damaged, not text, or too long.
    """
    lines = itertools.islice(_lines(path, zipped=found.zipped), found.before, None)
    rows = _parsed(path, lines, found.delimiter, found.before)
    next(rows)
    yield from rows


def count_lines(path: Path, found: Layout) -> int:
    """Number of lines after the header, about the number of rows.

    Raises:
        InputDataError: damaged, not text, or too long.
    """
    return sum(1 for _ in _lines(path, zipped=found.zipped)) - found.before - 1


def _fitness(sample: Sequence[str], delimiter: str, wanted: Collection[str]) -> tuple[int, bool, float, int]:
    """How well a delimiter explains the first lines: columns that are wanted, more than one, rows as wide, columns."""
    try:
        header, *rows = (row for row in csv.reader(sample, delimiter=delimiter) if row)
    except (csv.Error, ValueError):
        return 0, False, 0.0, 0
    found = {name.strip().lower() for name in header}
    fitting = sum(len(row) == len(header) for row in rows) / max(len(rows), 1)
    return len(found.intersection(wanted)), len(header) > 1, fitting, len(header)


def _parsed(path: Path, lines: Iterable[str], delimiter: str, before: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Rows with their line in the file, of which `before` lines were read already."""
    pending = 0  # characters since the last row

    def counted() -> Iterator[str]:
        nonlocal pending
        for line in lines:
            pending += len(line)
            if pending > LONGEST:
                raise InputDataError(f"{path} row {before + reader.line_num + 1}: {_TOO_LONG}")
            yield line

    csv.field_size_limit(LONGEST)
    reader = csv.reader(counted(), delimiter=delimiter)
    try:
        for cells in reader:
            pending = 0
            if cells and not (len(cells) == 1 and cells[0].isspace()):
                yield before + reader.line_num, cells
    except csv.Error as error:
        raise InputDataError(f"{path} row {before + reader.line_num}: not CSV ({error})") from error


_TOO_LONG = f"longer than {LONGEST:,} characters: a quotation mark without its partner, or no table"


def _lines(path: Path, *, zipped: bool) -> Iterator[str]:
    """Lines of a UTF-8 text file with any line ending."""
    try:
        with path.open("rb") as raw:
            binary: IO[bytes] = gzip.open(raw) if zipped else raw  # type: ignore[assignment]
            text = io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="")
            packed, unpacked = path.stat().st_size, 0
            for number in itertools.count(1):
                line = text.readline(LONGEST + 1)
                if not line:
                    return
                _check(path, number, line)
                if zipped:
                    unpacked += max(len(line), ROW)
                    check_unpacked(path, packed, unpacked)
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputDataError(f"{path} is a damaged gzip file ({error})") from error
    except OSError as error:
        raise InputDataError(f"cannot read {path}: {error.strerror or error}") from error


def _check(path: Path, number: int, line: str) -> None:
    """Refuse a line that is too long or that is not UTF-8."""
    if len(line) > LONGEST:
        raise InputDataError(f"{path} row {number}: {_TOO_LONG}")
    if not line.isascii() and (stray := [sign for sign in line if "\udc80" <= sign <= "\udcff"]):
        byte = ord(stray[0]) - 0xDC00
        raise InputDataError(f"{path} row {number}: byte 0x{byte:02x} is not UTF-8: save the file as CSV UTF-8")
