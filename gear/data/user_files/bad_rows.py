"""Rows of a user's file that cannot be used: they are listed in a file, and stop the run unless they are dropped."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gear.config import TaskSpec
from gear.errors import InputDataError

__all__ = ["BadRow", "refuse"]

SHOWN = 3  # bad rows that an error message names
HEADER = ["file", "column", "line", "reason", "smiles"]


class BadRow(NamedTuple):
    """A row that cannot be used, by its line in the file."""

    line: int
    reason: str
    smiles: str


def refuse(path: Path, task: TaskSpec, bad: Sequence[BadRow]) -> None:
    """List the bad rows in a file of the working folder, then raise unless the task drops them.

    Raises:
        InputDataError: the task does not drop bad rows; the message names the first ones.
    """
    listing = Path(f"{path.stem}.bad-rows.csv")
    try:
        _list(listing, [str(path.resolve()), task.column or ""], bad)
        where = f"all are listed in {listing}"
    except OSError as error:
        where = f"they could not be listed in {listing}: {error.strerror}"
    if task.drop_bad_rows:
        print(f"{path}: {len(bad)} bad rows dropped; {where}", file=sys.stderr)
        return
    named = "; ".join(f"row {row.line}: {row.reason[:200]}" for row in bad[:SHOWN])
    more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    raise InputDataError(f"{path}, {named}{more}: fix the file or pass --drop-bad-rows ({where})")


def _list(listing: Path, owner: list[str], bad: Sequence[BadRow]) -> None:
    """Write the list, in which the rows of other files of the same name, and of other columns, stay."""
    kept: list[list[str]] = []
    if listing.exists():
        with listing.open(newline="", encoding="utf-8", errors="replace") as file:
            try:
                header, *rows = csv.reader(file)
                kept = [row for row in rows if row[:2] != owner] if header == HEADER else []
            except (csv.Error, ValueError):  # no list of ours
                kept = []
    with listing.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *kept, *([*owner, *row] for row in bad)])
