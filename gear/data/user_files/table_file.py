"""Reads a user's table row by row: text with commas, semicolons or tabs, plain or gzip, or Parquet."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from gear.data.user_files.numbers import Cell, Commas, commas_in, number_in
from gear.data.user_files.parquet_file import open_parquet, parquet_rows
from gear.data.user_files.text_file import Layout, count_lines, layout, text_rows
from gear.errors import InputDataError

__all__ = ["Cell", "Row", "TableFile", "number_in", "open_table", "require_column", "require_smiles"]

SMILES = "smiles"  # the name of the column where none is given


class Row(NamedTuple):
    """The cells of a row, None for an empty one, and the row's line in the file (its number in Parquet)."""

    line: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class TableFile:
    """An open table, whose rows can be iterated once. Text has a `layout`, Parquet a `count` of its rows."""

    path: Path
    columns: tuple[str, ...]
    types: tuple[pa.DataType, ...]  # of the columns; all strings for text
    rows: Iterator[Row]
    layout: Layout | None = None
    count: int = 0

    @property
    def size(self) -> int:
        """About how many rows there are; text is read once to count them.

        Raises:
            InputDataError: as iterating the rows.
        """
        return self.count if self.layout is None else count_lines(self.path, self.layout)

    def commas(self, column: int) -> Commas:
        """What commas mean in a column of numbers, by its index; reads the file once.

        Raises:
            InputDataError: as iterating the rows.
        """
        if self.layout is None:
            return "none"
        rows = text_rows(self.path, self.layout)
        cells = (cells[column] for _, cells in rows if len(cells) > column)
        return commas_in(cells, delimited=self.layout.delimiter == ",")


def open_table(path: Path, wanted: Collection[str] = ()) -> TableFile:
    """Open a table. Its rows are read while they are iterated, which can raise the same errors.

    Args:
        path: of the file.
        wanted: columns that the table should have; they tell its delimiter where several are possible.

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
    found = layout(path, [SMILES, *wanted], zipped=magic.startswith(b"\x1f\x8b"))
    types = (pa.string(),) * len(found.columns)
    rows = (Row(*row) for row in text_rows(path, found))
    return TableFile(path, found.columns, types, rows, found)


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
    if table.layout is not None and table.layout.before:
        hint += f"; {table.layout.before} lines before the header are blank, or begin with # or sep="
    shown = ", ".join(table.columns[:20])[:500]
    raise InputDataError(f"{table.path} has no column '{name}' (it has: {shown}): {advice}{hint}")


def require_smiles(table: TableFile, name: str) -> int:
    """Index of the column of SMILES; if it is to be called `smiles` and is not, of the one that obviously is meant.

    Raises:
        InputDataError: no column has that name or is obviously meant, or more than one.
    """
    if name == SMILES and name not in table.columns:
        meant = [column for column in table.columns if _means_smiles(column)]
        if len(meant) == 1:
            return table.columns.index(meant[0])
        if meant:
            raise InputDataError(f"{table.path} has {', '.join(meant)}: choose one of them with --smiles-column")
    return require_column(table, name, "pass --smiles-column")


def _means_smiles(column: str) -> bool:
    plain = "".join(sign for sign in column.lower() if sign.isalnum())
    return plain == "smi" or "smiles" in plain


def _open_parquet(path: Path) -> TableFile:
    schema, count = open_parquet(path)
    rows = (Row(*row) for row in parquet_rows(path))
    return TableFile(path, tuple(schema.names), tuple(schema.types), rows, count=count)
