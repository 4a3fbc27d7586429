"""A user's own data: a table with a SMILES column and a column of values, cleaned once and cached by content.

Bad rows, which cannot be used, are listed in a file and stop the run, unless the task drops them. Rows without a value
are left out. Salts, mixtures and ions are kept as they are. Isotope labels and stereo are removed. Rows of the same
molecule are merged by their median, unless they differ in a feature column. Every one of these steps is counted.
"""

import csv
import functools
import hashlib
import json
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
from gear.data.task import PARTS, DataPoints, TaskTable, packed
from gear.data.user_files.table_file import Cell, TableFile, number_in, open_table, require_column
from gear.errors import InputDataError

__all__ = ["read_task"]

SHOWN = 3  # bad rows that an error message names
PART_NAMES = {"train": "train", "training": "train", "valid": "validation", "val": "validation", "dev": "validation"}
PART_NAMES |= {"validation": "validation", "test": "test"}
LACKING = "pass --features, or --source-features with those that the source's table has"
KINDRED = ("parent", "organics", "scaffold", "key", "keys")  # of a molecule, by which splits keep molecules together
COLUMNS = ("smiles", "value", *KINDRED, "part", "rows", "spread")


class RawRow(NamedTuple):
    """The cells of a row that are read."""

    line: int
    smiles: Cell
    value: Cell
    part: Cell
    features: tuple[Cell, ...]
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
    features: tuple[float, ...]


class Reading(NamedTuple):
    """How cells are read."""

    log10: bool
    decimal_comma: bool
    features: tuple[str, ...]


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
    names = _columns(len(task.features))
    table, facts = cached(stored, lambda p: read_table(p, names), lambda: _build(path, task, stored))
    columns = {name: table[name].to_numpy() for name in names}
    points = None
    if task.features:
        features = np.column_stack([columns[name] for name in names[len(COLUMNS) :]])
        points, first, columns["value"] = _points(columns["smiles"], columns["value"], features)
        columns |= {name: columns[name][first] for name in ("smiles", *KINDRED, "part")}
    smiles = columns["smiles"]
    return TaskTable(
        smiles,
        columns["value"],
        *(columns[name] for name in KINDRED),
        columns["part"] if task.split_column else None,
        packed(list(smiles), content_key(smiles)),
        np.arange(len(smiles)),
        facts,
        points,
    )


def _columns(features: int) -> list[str]:
    """Of the table in the cache; the user's names of features could be those of the other columns."""
    return [*COLUMNS, *(f"feature {index}" for index in range(features))]


def _points(smiles: np.ndarray, value: np.ndarray, columns: np.ndarray) -> tuple[DataPoints, np.ndarray, np.ndarray]:
    """The data points of rows (P,) that are sorted by SMILES; the first row (N,) of each molecule; its median (N,)."""
    begins = np.concatenate([[True], smiles[1:] != smiles[:-1]])
    first, molecule = np.flatnonzero(begins), np.cumsum(begins) - 1
    count = np.diff([*first, len(smiles)])
    ranked = value[np.lexsort((value, molecule))]
    middle = (ranked[first + (count - 1) // 2] + ranked[first + count // 2]) / 2
    return DataPoints(molecule, value, columns), first, middle


def _key(path: Path, task: TaskSpec) -> str:
    """Key of the cleaned table in the cache: a hash of the file's content and of how it is read."""
    open_table(path)  # raises if the file is no table, before it is hashed
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    how = [task.smiles_column, task.column, task.split_column, task.log10, task.drop_bad_rows, *task.features]
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
    work = functools.partial(_check_chunk, Reading(task.log10, table.decimal_comma, task.features))
    for chunk in map_chunks(work, _raw_rows(table, task, counts), table.size, f"reading {table.path.name}"):
        for row in chunk:
            good.append(row) if isinstance(row, GoodRow) else bad.append(row)
    counts["bad rows dropped"] = len(bad)
    for row in good:
        counts.update(f"with {note}" if note != "charged" else note for note in row.molecule.notes)
    return good, bad


def _raw_rows(table: TableFile, task: TaskSpec, counts: Counter[str]) -> Iterator[RawRow]:
    smiles = require_column(table, task.smiles_column, "pass --smiles-column")
    value = require_column(table, task.column or "", "pass --target-column or --source-column")
    part = require_column(table, task.split_column, "pass --split-column") if task.split_column else None
    features = [require_column(table, name, LACKING) for name in task.features]
    for line, cells in table.rows:
        counts["rows"] += 1
        if len(cells) != len(table.columns):
            yield RawRow(line, None, None, None, (), f"{len(cells)} cells where the header has {len(table.columns)}")
        elif _is_empty(cells[value]):
            counts["without a value"] += 1
        else:
            told = "train" if part is None else cells[part]
            yield RawRow(line, cells[smiles], cells[value], told, tuple(cells[column] for column in features), "")


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
        features = tuple(_feature(*cell, reading) for cell in zip(reading.features, row.features, strict=True))
        return GoodRow(row.line, molecule, _value(row.value, reading), _part(row.part), features)
    except (MoleculeError, ValueError) as error:
        return BadRow(row.line, str(error), text)


def _value(cell: Cell, reading: Reading) -> float:
    value = number_in(cell, decimal_comma=reading.decimal_comma)
    if reading.log10 and value <= 0:
        raise ValueError(f"{value:g} has no logarithm")
    return value


def _feature(name: str, cell: Cell, reading: Reading) -> float:
    try:
        return number_in(cell, decimal_comma=reading.decimal_comma)
    except ValueError as error:
        raise ValueError(f"column '{name}': {error}") from None


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
    """A table with one row for each molecule and set of features, sorted by them, and the counts of cleaning."""
    _check_parts(path, good)
    grouped: dict[tuple[str, tuple[float, ...]], list[GoodRow]] = defaultdict(list)
    for row in good:
        grouped[row.molecule.smiles, row.features].append(row)
    records = []
    for (smiles, features), rows in sorted(grouped.items(), key=lambda group: group[0]):
        values = [row.value for row in rows]
        molecule, spread = rows[0].molecule, max(values) - min(values)
        of_molecule = (getattr(molecule, name) for name in KINDRED)
        records.append((smiles, median(values), *of_molecule, rows[0].part, len(rows), spread, *features))
    counts["merged into others"] = len(good) - len(records)
    if good[0].features:
        counts["data points"] = len(records)
    counts["molecules"] = len({smiles for smiles, _ in grouped})
    columns = dict(zip(_columns(len(good[0].features)), map(list, zip(*records, strict=True)), strict=True))
    return pa.table(columns), {**counts, "largest spread": max(columns["spread"])}


def _check_parts(path: Path, good: Sequence[GoodRow]) -> None:
    """Refuse rows of one molecule that the file places in different parts."""
    grouped: dict[str, list[GoodRow]] = defaultdict(list)
    for row in good:
        grouped[row.molecule.smiles].append(row)
    for smiles in sorted(grouped):
        rows = grouped[smiles]
        if len(parts := sorted({row.part for row in rows})) > 1:
            lines = ", ".join(str(row.line) for row in rows)
            raise InputDataError(f"{path} rows {lines} are the same molecule in different parts ({', '.join(parts)})")
