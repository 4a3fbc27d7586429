"""A user's own data: a table with a SMILES column and a column of values, cleaned once and cached by content.

Bad rows, which cannot be used, are listed in a file and stop the run, unless the task drops them. Rows without a value
are left out. Salts, mixtures and ions are kept as they are. Isotope labels and stereo are removed. Rows of the same
molecule are merged by their median. Every one of these steps is counted.
"""

import csv
import functools
import hashlib
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from gear.config import TaskSpec
from gear.data.cache import cache_folder, cached, content_key, read_table, write_table
from gear.data.molecules.molecule import Molecule, MoleculeError, cell_text, identify
from gear.data.parallel import map_chunks
from gear.data.task import PARTS, TaskTable, packed
from gear.data.user_files.table_file import Cell, TableFile, open_table, require_column
from gear.errors import InputDataError

__all__ = ["read_task"]

SHOWN = 3  # bad rows that an error message names
LARGEST = 1e30  # absolute value; the square of a larger one overflows
PART_NAMES = {"train": "train", "training": "train", "valid": "validation", "val": "validation", "dev": "validation"}
PART_NAMES |= {"validation": "validation", "test": "test"}
COLUMNS = ("smiles", "value", "parent", "organics", "scaffold", "part", "rows", "spread")


class RawRow(NamedTuple):
    """The cells of a row that are read."""

    line: int
    smiles: Cell
    value: Cell
    part: Cell
    fault: str


class BadRow(NamedTuple):
    """A row that cannot be used, by its line in the file."""

    line: int
    reason: str
    smiles: str


class GoodRow(NamedTuple):
    """A row that can be used."""

    line: int
    molecule: Molecule
    value: float
    part: str


class Reading(NamedTuple):
    """How cells are read."""

    log10: bool
    decimal_comma: bool


def read_task(task: TaskSpec) -> TaskTable:
    """The molecules of a user's file.

    Raises:
        InputDataError: the file, a column or a row cannot be used; the message names the first bad
            rows, and a file lists all of them.
        StorageError: the cache cannot be written.
    """
    path = Path(task.file or "")
    key = _key(path, task)
    stored = cache_folder() / "files" / f"{key}.parquet"
    table, facts = cached(stored, lambda p: read_table(p, COLUMNS), lambda: _build(path, task, stored))
    columns = {name: table[name].to_numpy() for name in COLUMNS}
    smiles = columns["smiles"]
    return TaskTable(
        smiles,
        columns["value"],
        columns["parent"],
        columns["organics"],
        columns["scaffold"],
        columns["part"] if task.split_column else None,
        packed(list(smiles), content_key(smiles)),
        np.arange(len(smiles)),
        facts,
    )


def _key(path: Path, task: TaskSpec) -> str:
    """Key of the cleaned table in the cache: a hash of the file's content and of how it is read."""
    open_table(path)  # raises if the file is no table, before it is hashed
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    how = [task.smiles_column, task.column, task.split_column, task.log10, task.drop_bad_rows]
    return hashlib.sha256(json.dumps([content, *how]).encode()).hexdigest()[:20]


def _build(path: Path, task: TaskSpec, stored: Path) -> None:
    table = open_table(path)
    counts: Counter[str] = Counter()
    good, bad = _checked(table, task, counts)
    if bad:
        _refuse(path, task, bad)
    if not good:
        raise InputDataError(f"{path} has no row with a value in column '{task.column}'")
    merged, facts = _merged(path, good, counts)
    write_table(stored, merged, facts)
    counted = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count and what != "rows")
    print(f"{path}: {counts['rows']:,} rows, {counted}", file=sys.stderr)


def _checked(table: TableFile, task: TaskSpec, counts: Counter[str]) -> tuple[list[GoodRow], list[BadRow]]:
    """Rows that can be used and rows that cannot; rows without a value are only counted."""
    good: list[GoodRow] = []
    bad: list[BadRow] = []
    work = functools.partial(_check_chunk, Reading(task.log10, table.decimal_comma))
    for chunk in map_chunks(work, _raw_rows(table, task, counts), table.size, f"reading {table.path.name}"):
        for row in chunk:
            good.append(row) if isinstance(row, GoodRow) else bad.append(row)
    counts["bad rows dropped"] = len(bad)
    for row in good:
        counts.update(f"with {note}" if note != "charged" else note for note in row.molecule.notes)
    return good, bad


def _raw_rows(table: TableFile, task: TaskSpec, counts: Counter[str]) -> Iterator[RawRow]:
    smiles = require_column(table, task.smiles_column, "smiles-column")
    value = require_column(table, task.column or "", "target-column or --source-column")
    part = require_column(table, task.split_column, "split-column") if task.split_column else None
    for line, cells in table.rows:
        counts["rows"] += 1
        if len(cells) != len(table.columns):
            yield RawRow(line, None, None, None, f"{len(cells)} cells where the header has {len(table.columns)}")
        elif _is_empty(cells[value]):
            counts["without a value"] += 1
        else:
            yield RawRow(line, cells[smiles], cells[value], "train" if part is None else cells[part], "")


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _check_chunk(reading: Reading, rows: Sequence[RawRow]) -> list[GoodRow | BadRow]:
    return [_check(reading, row) for row in rows]


def _check(reading: Reading, row: RawRow) -> GoodRow | BadRow:
    text = row.smiles.strip() if isinstance(row.smiles, str) else ""
    try:
        if row.fault:
            raise ValueError(row.fault)
        molecule = identify(cell_text(row.smiles))
        return GoodRow(row.line, molecule, _value(row.value, reading), _part(row.part))
    except (MoleculeError, ValueError) as error:
        return BadRow(row.line, str(error), text)


def _value(cell: Cell, reading: Reading) -> float:
    text = cell.strip() if isinstance(cell, str) else repr(cell)
    if reading.decimal_comma and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is not a finite number")
    if abs(value) > LARGEST:
        raise ValueError(f"{text} is larger than {LARGEST:g}")
    if reading.log10 and value <= 0:
        raise ValueError(f"{text} has no logarithm")
    return value


def _part(cell: Cell) -> str:
    name = PART_NAMES.get(cell.strip().lower()) if isinstance(cell, str) else None
    if name is None:
        raise ValueError(f"{cell!r} is not the name of a part: {', '.join(PARTS)}")
    return name


def _refuse(path: Path, task: TaskSpec, bad: Sequence[BadRow]) -> None:
    """List the bad rows in a file, then raise unless the task drops them."""
    listing = Path(f"{path.stem}.bad-rows.csv")
    try:
        with listing.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([BadRow._fields, *bad])
        where = f"all are listed in {listing}"
    except OSError as error:
        where = f"they could not be listed in {listing}: {error.strerror}"
    if task.drop_bad_rows:
        print(f"{path}: {len(bad)} bad rows dropped; {where}", file=sys.stderr)
        return
    named = "; ".join(f"row {row.line}: {row.reason[:200]}" for row in bad[:SHOWN])
    more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    raise InputDataError(f"{path}, {named}{more}: fix the file or pass --drop-bad-rows ({where})")


def _merged(path: Path, good: Sequence[GoodRow], counts: Counter[str]) -> tuple[pa.Table, dict[str, int | float]]:
    """A table with one row for each molecule, sorted by SMILES, and the counts of cleaning."""
    grouped: dict[str, list[GoodRow]] = defaultdict(list)
    for row in good:
        grouped[row.molecule.smiles].append(row)
    records = []
    for smiles in sorted(grouped):
        rows = grouped[smiles]
        values = [row.value for row in rows]
        if len(parts := sorted({row.part for row in rows})) > 1:
            lines = ", ".join(str(row.line) for row in rows)
            raise InputDataError(f"{path} rows {lines} are the same molecule in different parts ({', '.join(parts)})")
        molecule, spread = rows[0].molecule, max(values) - min(values)
        of_molecule = (molecule.parent, molecule.organics, molecule.scaffold)
        records.append((smiles, median(values), *of_molecule, parts[0], len(rows), spread))
    counts["merged into others"] = len(good) - len(records)
    counts["molecules"] = len(records)
    columns = dict(zip(COLUMNS, map(list, zip(*records, strict=True)), strict=True))
    return pa.table(columns), {**counts, "largest spread": max(columns["spread"])}
