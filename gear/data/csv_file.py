"""Reading a user's CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path

from gear.errors import InputDataError

__all__ = ["read_csv", "require_column"]


def read_csv(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Column names of a CSV file, and its rows by their line; blank lines are no rows.

    Raises:
        InputDataError: no such file, not UTF-8, not CSV, or empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            rows = [(reader.line_num, row) for row in reader]
            columns = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no UTF-8 CSV file: {error}"
        raise InputDataError(f"cannot read {path}: {reason}") from error
    if not columns:
        raise InputDataError(f"{path} is empty: it needs a header line with a SMILES column and a column of values")
    return columns, rows


def require_column(path: Path, columns: Sequence[str], name: str, flag: str) -> None:
    """See that a file has a column; `flag` is the option that would name another.

    Raises:
        InputDataError: it has none of that name.
    """
    if name not in columns:
        raise InputDataError(f"{path} has no column '{name}' (it has: {', '.join(columns)}): pass --{flag}")
