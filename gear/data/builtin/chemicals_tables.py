"""Reads the tables of `chemicals`: a column of values, or a correlation evaluated at room temperature."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import chemicals
import pandas as pd

__all__ = ["T0", "Source", "Values", "cas_number", "column", "covers", "evaluate", "first_of", "raw_table", "rows"]

T0 = 298.15  # K
Kind = Literal["experimental", "mixed", "derived"]
Values = dict[int, float]  # by CAS number without dashes
Row = Mapping[str, float]


class Source(NamedTuple):
    """The values of one table in the property's unit. A `mixed` table has estimates that are not marked as such."""

    name: str
    kind: Kind
    values: Values


def cas_number(text: object) -> int:
    """A CAS number without its dashes; tables write it as '64-17-5' or 64175."""
    return int(str(text).replace("-", ""))


def column(name: str, table: pd.DataFrame, field: str, scale: float = 1.0, kind: Kind = "experimental") -> Source:
    """The values of a column; the table is indexed by CAS number."""
    numbers = pd.to_numeric(table[field], errors="coerce").astype(float)
    values: Values = {}
    for cas, value in zip(table.index, numbers, strict=True):
        if math.isfinite(value) and not isinstance(cas, float):
            values.setdefault(cas_number(cas), float(value) * scale)
    return Source(name, kind, values)


def evaluate(
    name: str,
    table: pd.DataFrame,
    formula: Callable[[Row], float | None],
    valid: Callable[[int, Row], bool],
    scale: float = 1.0,
    kind: Kind = "experimental",
) -> Source:
    """A correlation evaluated for every row that is valid at room temperature; rows with gaps are left out."""
    values: Values = {}
    for cas, row in rows(table):
        try:
            value = formula(row) if valid(cas, row) else None
        except (ValueError, ZeroDivisionError, OverflowError, KeyError):
            continue
        if isinstance(value, float) and math.isfinite(value):
            values.setdefault(cas, value * scale)
    return Source(name, kind, values)


def rows(table: pd.DataFrame) -> Iterator[tuple[int, Any]]:
    """CAS number and row of a table."""
    for cas, row in zip(table.index, table.to_dict("records"), strict=True):
        if not isinstance(cas, float):
            yield cas_number(cas), row


def covers(row: Row, low: str = "Tmin", high: str = "Tmax") -> bool:
    """Whether room temperature is in the row's temperature range; a missing limit does not restrict it."""
    return not (T0 < row.get(low, math.nan) or T0 > row.get(high, math.nan))


def first_of(sources: Iterable[Source]) -> Values:
    """Every substance's value from the first source that has one, experimental before mixed."""
    merged: Values = {}
    for source in sorted(sources, key=lambda s: s.kind == "mixed"):
        merged = source.values | merged
    return merged


def raw_table(path: str) -> pd.DataFrame:
    """A data file of `chemicals` that no module exposes; all of them are tab-separated, also those named .csv."""
    return pd.read_csv(Path(chemicals.__file__).parent / path, sep="\t", index_col=0)
