"""A user's own data: a CSV file with a SMILES column and a column of values."""

import math
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

from gear.config import TaskSpec
from gear.data.csv_file import read_csv, require_column
from gear.data.molecule import canonical_smiles
from gear.errors import InputDataError

__all__ = ["read_task"]

SHOWN = 3  # bad rows named in an error


class BadRow(NamedTuple):
    """A row that cannot be used, by its line in the file."""

    line: int
    reason: str


def read_task(task: TaskSpec) -> dict[str, float]:
    """Value (the median, if a molecule has several) by canonical SMILES, sorted.

    Raises:
        InputDataError: the file, a column or a row cannot be used; every bad row is counted, the first are named.
    """
    path = Path(task.file or "")
    columns, rows = read_csv(path)
    for column, flag in (
        (task.smiles_column, "smiles-column"),
        (task.column or "", "target-column or --source-column"),
    ):
        require_column(path, columns, column, flag)
    values: dict[str, list[float]] = defaultdict(list)
    bad: list[BadRow] = []
    for number, row in rows:
        try:
            values[_identity(row[task.smiles_column])].append(_value(row[task.column or ""], task.log10))
        except ValueError as error:
            bad.append(BadRow(number, str(error)))
    if bad:
        named = "; ".join(f"row {row.line}: {row.reason}" for row in bad[:SHOWN])
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise InputDataError(f"{path}, {named}{more}: mend or remove these rows")
    return {smiles: median(values[smiles]) for smiles in sorted(values)}


def _identity(text: str) -> str:
    smiles = canonical_smiles(text.strip())
    if smiles is None:
        raise ValueError(f"cannot parse SMILES '{text}'")
    return smiles


def _value(text: str, log10: bool) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is not a finite number")
    if log10 and value <= 0:
        raise ValueError(f"{text} has no logarithm")
    return value
