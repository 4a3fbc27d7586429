"""Numbers as people write them in tables: with a comma or thousands separators, missing, or only known to a bound."""

import decimal
import math
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

__all__ = ["CENSORED", "Cell", "Commas", "Measured", "commas_in", "is_missing", "measured_in", "number_in"]

LARGEST = 1e30  # absolute value of a number; the square of a larger one overflows
Cell = str | float | decimal.Decimal | None
CENSORED = {"<": -1, "≤": -1, "<=": -1, ">": 1, "≥": 1, ">=": 1}  # -1: the value is at most the number, 1: at least
MISSING = frozenset(
    [
        "",
        "-",
        "--",
        "–",
        "—",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#na",
        "<na>",
        "null",
        "none",
        "nd",
        "n.d.",
        "n/d",
        "?",
    ]
)

# What commas mean in a column: 1,5; 1,048.5; either, so that 1,048 is refused; nothing.
Commas = Literal["decimal", "thousands", "unclear", "none"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)?,\d+([eE][+-]?\d+)?", re.ASCII)
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", re.ASCII)  # 1,048 and 1,048.5
_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)  # 1.048, which may be 1048
_SOME = r"[+-]?\d[\d.,]*([eE][+-]?\d+)?"
_WITH = (
    (rf"(?P<n>{_SOME})\s*(±|\+/-|\+-)\s*[\d.,]+.*", "a number with its uncertainty: write {n} by itself"),
    (rf"(?P<n>{_SOME})\(\d+\).*", "a number with its uncertainty: write {n} by itself"),
    (rf"(?P<n>{_SOME})\s*(-|–|—|to|\.\.+)\s*{_SOME}\b.*", "a range: write one number, its middle for instance"),
    (r"[+-]?\d{1,3}([_'’\s]\d{3})+([.,]\d+)?", "a number with separators of thousands: leave them out"),
    (r"(~|≈|ca\.?|about|approx\.?)\s*(?P<n>\d.*)", "an approximate number: write {n} by itself"),
    (rf"(?P<n>{_SOME})\s*[^\d\s.,;:_/-].*", "a number with more text: write {n} by itself, and the unit in the flag"),
)
_ADVICE = [(re.compile(pattern, re.ASCII | re.IGNORECASE), advice) for pattern, advice in _WITH]


class Measured(NamedTuple):
    """A value, or a bound of one: 0 exact, -1 the value is at most `number`, 1 at least."""

    number: float
    bound: int


def is_missing(cell: Cell) -> bool:
    """Whether a cell says that there is no value."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def measured_in(cell: Cell, commas: Commas = "none") -> Measured:
    """The number in a cell, or the bound: `<0.5`, `>= 100`.

    Raises:
        ValueError: see `number_in`.
    """
    text = cell.strip() if isinstance(cell, str) else ""
    for sign in (text[:2], text[:1]):
        if sign in CENSORED:
            return Measured(number_in(text[len(sign) :], commas), CENSORED[sign])
    return Measured(number_in(cell, commas), 0)


def number_in(cell: Cell, commas: Commas = "none") -> float:
    """The finite number in a cell.

    Raises:
        ValueError: there is none, or its absolute value is above LARGEST; the message is the reason and what to do.
    """
    if isinstance(cell, str) or cell is None:
        text = (cell or "").strip().replace("\N{MINUS SIGN}", "-")
        value = _parsed(text, commas)
    else:
        text = str(cell)
        value = _float(text) if not isinstance(cell, decimal.Decimal) else float(cell)
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is not a finite number")
    if abs(value) > LARGEST:
        raise ValueError(f"{text} is larger than {LARGEST:g}")
    return value


def commas_in(cells: Iterable[str], *, delimited: bool) -> Commas:
    """What the commas in a column of numbers mean.

    Args:
        cells: of the column.
        delimited: whether commas also separate cells; then no comma is a decimal one.
    """
    point = comma = False
    for cell in cells:
        text = cell.strip()
        if "," in text:
            grouped = _GROUPS.fullmatch(text)
            point |= bool(grouped and ("." in text or text.count(",") > 1))
            comma |= not grouped and bool(_DECIMAL_COMMA.fullmatch(text))
        elif "." in text:
            point |= bool(_NUMBER.fullmatch(text)) and not _POINT_GROUPS.fullmatch(text)
    if delimited:
        return "thousands" if point and not comma else "none"
    if point == comma:
        return "unclear"
    return "thousands" if point else "decimal"


def _parsed(text: str, commas: Commas) -> float:
    if "," in text and commas != "none":
        return float(_without_commas(text, commas))
    if commas == "decimal" and _POINT_GROUPS.fullmatch(text):
        raise ValueError(f"'{text}' may be a decimal or {text.replace('.', '')}: write it without the point")
    return _float(text)


def _float(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    raise ValueError(f"'{text[:200]}' {_advice(text)}")


def _without_commas(text: str, commas: Commas) -> str:
    if _GROUPS.fullmatch(text):
        if commas == "thousands" or "." in text or text.count(",") > 1:
            return text.replace(",", "")
        if commas == "unclear":
            without = text.replace(",", "")
            raise ValueError(f"'{text}' may be {text.replace(',', '.')} or {without}: write it without the comma")
    if commas in ("decimal", "unclear") and _DECIMAL_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    raise ValueError(f"'{text[:200]}' {_advice(text)}")


def _advice(text: str) -> str:
    """What a text that is no number is, and what to do."""
    for pattern, advice in _ADVICE:
        if match := pattern.fullmatch(text):
            return "is " + advice.format(n=match["n"] if "n" in match.groupdict() else "")
    return "is not a number"
