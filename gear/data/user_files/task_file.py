"""A user's own data: a table with a SMILES column and a column of values, cleaned once and cached by content.

Bad rows, which cannot be used, are listed in a file and stop the run, unless the task drops them. Rows without a value
are left out. Values that are only known to a bound, such as `<0.5`, are dropped or kept as the task says. Salts,
mixtures and ions are kept as they are. Isotope labels and stereo are removed. Rows of the same molecule are merged by
their median, unless they differ in a feature column. Every one of these steps is counted.
"""

import dataclasses
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
from gear.data.user_files.bad_rows import BadRow, refuse
from gear.data.user_files.numbers import Cell, Commas, Measured, is_missing, measured_in, number_in
from gear.data.user_files.table_file import TableFile, open_table, require_column, require_smiles
from gear.errors import InputDataError

__all__ = ["DROPPED", "check_columns", "few_values", "read_task", "table_key"]

PART_NAMES = {"train": "train", "training": "train", "valid": "validation", "val": "validation", "dev": "validation"}
PART_NAMES |= {"validation": "validation", "test": "test"}
LACKING = "pass --features, or --source-features with those that the source's table has"
KINDRED = ("parent", "organics", "scaffold", "key", "keys")  # of a molecule, by which splits keep molecules together
COLUMNS = ("smiles", "value", *KINDRED, "part", "rows", "spread", "bound")
FEW, MANY = 10, 20  # different whole numbers that may be classes, where there are at least so many molecules
DROPPED = "censored, dropped"  # among the counts
WORD = {"bound": "taken at their bound", "learn": "learnt as bounds"}


class RawRow(NamedTuple):
    """The cells of a row that are read."""

    line: int
    smiles: Cell
    value: Cell
    part: Cell
    features: tuple[Cell, ...]
    fault: str


class GoodRow(NamedTuple):
    """A row that can be used."""

    line: int
    molecule: Molecule
    value: Measured
    part: str
    features: tuple[float, ...]


class ReadColumns(NamedTuple):
    """The columns of a table that are read, by their index."""

    smiles: int
    value: int
    part: int | None
    features: tuple[int, ...]


class Reading(NamedTuple):
    """How cells are read."""

    log10: bool
    bounds: bool  # whether a value may be a bound
    commas: Commas  # in the column of values
    features: dict[str, Commas]  # in the order of the columns


def read_task(task: TaskSpec) -> TaskTable:
    """The molecules of a user's file.

    Raises:
        InputDataError: the file, a column or a row cannot be used; the message names the first bad
            rows, and a file lists all of them.
        StorageError: the cache cannot be written.
    """
    path = Path(task.file or "")
    key = table_key(path, task)
    stored = cache_folder() / "files" / f"{key}.parquet"
    names = _columns(len(task.features))
    table, facts = cached(stored, lambda p: read_table(p, names), lambda: _build(path, task, stored))
    columns = {name: table[name].to_numpy() for name in names}
    bound = columns["bound"].astype(np.int8) if columns["bound"].any() else None
    points = None
    if task.features:
        features = np.column_stack([columns[name] for name in names[len(COLUMNS) :]])
        points, first, columns["value"] = _points(columns["smiles"], columns["value"], features)
        points, bound = dataclasses.replace(points, bound=bound), None
        columns |= {name: columns[name][first] for name in ("smiles", *KINDRED, "part")}
    smiles = columns["smiles"]
    return TaskTable(
        smiles,
        columns["value"],
        columns["parent"],
        columns["organics"],
        columns["scaffold"],
        columns["key"],
        columns["keys"],
        columns["part"] if task.split_column else None,
        packed(list(smiles), content_key(smiles)),
        np.arange(len(smiles)),
        facts,
        points,
        bound,
    )


def check_columns(task: TaskSpec) -> None:
    """Check that the file is a table with the columns that the task names, without reading it to its end.

    Raises:
        InputDataError: it is not.
    """
    _columns_of(open_table(Path(task.file or ""), _wanted(task)), task)


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


def table_key(path: Path, task: TaskSpec) -> str:
    """Key of the cleaned table in the cache: a hash of the file's content and of how it is read."""
    open_table(path)  # raises if the file is no table, before it is hashed
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    how = [task.smiles_column, task.column, task.split_column, task.log10, task.drop_bad_rows, task.censored]
    how += task.features
    return hashlib.sha256(json.dumps([content, *how]).encode()).hexdigest()[:20]


def _build(path: Path, task: TaskSpec, stored: Path) -> None:
    table = open_table(path, _wanted(task))
    counts: Counter[str] = Counter()
    good, bad = _checked(table, task, counts)
    if bad:
        refuse(path, task, bad)
    if not good:
        raise InputDataError(f"{path} has no row with a value in column '{task.column}'")
    merged, facts = _merged(path, task, good, counts)
    write_table(stored, merged, facts)
    counted = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count and what != "rows")
    print(f"{path}: {counts['rows']:,} rows, {counted}", file=sys.stderr)
    if facts["largest spread"]:
        spread, of_molecule = facts["largest spread"], facts["molecule with the largest spread"]
        print(f"{path}: rows of {of_molecule} differ by {spread:.6g}, more than those of any other", file=sys.stderr)
    if warning := few_values(merged["value"].to_numpy()):
        print(f"{path}: {warning}", file=sys.stderr)


def few_values(values: np.ndarray) -> str:
    """A warning about values (N,) that look like classes; empty if they do not."""
    found = np.unique(values)
    if len(values) < MANY or len(found) > FEW or (found != found.round()).any():
        return ""
    shown = ", ".join(f"{value:g}" for value in found)
    return f"the only values are {shown}; if they are classes: this is regression, which predicts numbers between them"


def _checked(table: TableFile, task: TaskSpec, counts: Counter[str]) -> tuple[list[GoodRow], list[BadRow]]:
    """Rows that can be used and rows that cannot; rows without a value are only counted."""
    good: list[GoodRow] = []
    bad: list[BadRow] = []
    columns = _columns_of(table, task)
    commas = [table.commas(column) for column in (columns.value, *columns.features)]
    reading = Reading(
        task.log10, task.censored != "refuse", commas[0], dict(zip(task.features, commas[1:], strict=True))
    )
    work = functools.partial(_check_chunk, reading)
    for chunk in map_chunks(work, _raw_rows(table, columns, counts), table.size, f"reading {table.path.name}"):
        for row in chunk:
            if isinstance(row, BadRow):
                bad.append(row)
            elif row.value.bound and task.censored == "drop":
                counts[DROPPED] += 1
            else:
                good.append(row)
    counts["bad rows dropped"] = len(bad)
    for row in good:
        counts.update(f"with {note}" if note != "charged" else note for note in row.molecule.notes)
    return good, bad


def _wanted(task: TaskSpec) -> list[str]:
    """The columns that the file should have."""
    return [name for name in (task.smiles_column, task.column, task.split_column, *task.features) if name]


def _columns_of(table: TableFile, task: TaskSpec) -> ReadColumns:
    smiles = require_smiles(table, task.smiles_column)
    if (name := table.columns[smiles]) != task.smiles_column:
        print(f"{table.path}: SMILES are read from column '{name}'", file=sys.stderr)
    return ReadColumns(
        smiles,
        require_column(table, task.column or "", "pass --target-column or --source-column"),
        require_column(table, task.split_column, "pass --split-column") if task.split_column else None,
        tuple(require_column(table, name, LACKING) for name in task.features),
    )


def _raw_rows(table: TableFile, columns: ReadColumns, counts: Counter[str]) -> Iterator[RawRow]:
    smiles, value, part, features = columns
    for line, cells in table.rows:
        counts["rows"] += 1
        if len(cells) != len(table.columns):
            yield RawRow(line, None, None, None, (), f"{len(cells)} cells where the header has {len(table.columns)}")
        elif is_missing(cells[value]):
            counts["without a value"] += 1
        else:
            told = "train" if part is None else cells[part]
            yield RawRow(line, cells[smiles], cells[value], told, tuple(cells[column] for column in features), "")


def _check_chunk(reading: Reading, rows: Sequence[RawRow]) -> list[GoodRow | BadRow]:
    return [_check(reading, row) for row in rows]


def _check(reading: Reading, row: RawRow) -> GoodRow | BadRow:
    text = row.smiles.strip() if isinstance(row.smiles, str) else ""
    try:
        if row.fault:
            raise ValueError(row.fault)
        molecule = identify(cell_text(row.smiles))
        features = tuple(map(_feature, reading.features, row.features, reading.features.values()))
        return GoodRow(row.line, molecule, _value(row.value, reading), _part(row.part), features)
    except (MoleculeError, ValueError) as error:
        return BadRow(row.line, str(error), text)


def _value(cell: Cell, reading: Reading) -> Measured:
    value = measured_in(cell, reading.commas)
    if value.bound and not reading.bounds:
        raise ValueError(f"'{cell}' is a bound of a value: pass --censored drop, --censored bound or --censored learn")
    if reading.log10 and value.number <= 0:
        raise ValueError(f"{value.number:g} has no logarithm")
    return value


def _feature(name: str, cell: Cell, commas: Commas) -> float:
    try:
        return number_in(cell, commas)
    except ValueError as error:
        raise ValueError(f"column '{name}': {error}") from None


def _part(cell: Cell) -> str:
    name = PART_NAMES.get(cell.strip().lower()) if isinstance(cell, str) else None
    if name is None:
        raise ValueError(f"{cell!r} is not the name of a part: {', '.join(PARTS)}")
    return name


def _merged(
    path: Path, task: TaskSpec, good: Sequence[GoodRow], counts: Counter[str]
) -> tuple[pa.Table, dict[str, int | float | str]]:
    """A table with one row for each molecule and set of features, sorted by them, and the counts of cleaning."""
    _check_parts(path, good)
    grouped: dict[tuple[str, tuple[float, ...]], list[GoodRow]] = defaultdict(list)
    for row in good:
        grouped[row.molecule.smiles, row.features].append(row)
    records = []
    for (smiles, features), rows in sorted(grouped.items(), key=lambda group: group[0]):
        found = _middle([row.value for row in rows])
        if found is None:
            counts["with bounds on both sides, dropped"] += 1
            continue
        value, spread = found
        kindred = (getattr(rows[0].molecule, name) for name in KINDRED)
        records.append((smiles, value.number, *kindred, rows[0].part, len(rows), spread, value.bound, *features))
    if not records:
        raise InputDataError(f"{path} has no molecule with a value in column '{task.column}'")
    counts["merged into others"] = len(good) - len(grouped)
    columns = dict(zip(_columns(len(task.features)), map(list, zip(*records, strict=True)), strict=True))
    if task.features:
        counts["data points"] = len(records)
    if censored := sum(map(bool, columns["bound"])):
        counts[f"censored, {WORD[task.censored]}"] = censored
    counts["molecules"] = len(set(columns["smiles"]))
    widest = max(range(len(records)), key=lambda row: columns["spread"][row])
    facts: dict[str, int | float | str] = {**counts, "largest spread": columns["spread"][widest]}
    if facts["largest spread"]:
        facts["molecule with the largest spread"] = columns["smiles"][widest]
    return pa.table(columns), facts


def _middle(values: Sequence[Measured]) -> tuple[Measured, float] | None:
    """The median of one molecule's values and their range; bounds count only where no value is exact.

    None if there are only bounds, on both sides.
    """
    exact = [value.number for value in values if not value.bound]
    if exact:
        return Measured(median(exact), 0), max(exact) - min(exact)
    if len({value.bound for value in values}) > 1:
        return None
    return Measured(median(value.number for value in values), values[0].bound), 0.0


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
