"""Scales, ticks and the frame of a chart: from values to pixels."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracking.report.drawing import Line, Mark, Points, Text

__all__ = ["LABEL", "Panel", "Scale", "shown", "span", "width_of"]

LABEL = 12.0  # pixels of small type
MARGIN = 0.05  # of the span of values, free at either end


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high`, laid out from pixel `start` to pixel `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; beyond the ends, the nearest end."""
        share = (self._seen(value) - self._seen(self.low)) / (self._seen(self.high) - self._seen(self.low))
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values to mark."""
        if self.log:
            for steps in ((1, 2, 5), (1, 3), (1,)):
                found = [m * 10.0**e for e in range(-12, 13) for m in steps if self.low <= m * 10.0**e <= self.high]
                if 2 <= len(found) <= most:
                    return found
            if len(found) > most:
                return found[:: math.ceil(len(found) / most)]
        step = _round_step((self.high - self.low) / most)
        found = _multiples(step, self.low, self.high)
        return found if len(found) >= 2 else _multiples(step / 2, self.low, self.high)

    def _seen(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value


def span(values: Iterable[float], start: float, end: float, *, log: bool = False, zero: bool = False) -> Scale:
    """A scale that shows all of the values, with a margin, and 0 if `zero`."""
    found = [value for value in values if math.isfinite(value)] + [0.0] * zero
    low, high = min(found), max(found)
    if log:
        room = max((high / low) ** MARGIN, 1.02)
        return Scale(low / room, high * room, start, end, log=True)
    room = MARGIN * (high - low) or abs(high) * MARGIN or 1.0
    return Scale(low - room, high + room, start, end)


@dataclass(frozen=True, slots=True)
class Panel:
    """The area of one chart: a scale across and a scale upwards."""

    x: Scale
    y: Scale

    def place(self, points: Points) -> list[tuple[float, float]]:
        """Pixels of values."""
        return [(self.x(x), self.y(y)) for x, y in points]

    def frame(
        self,
        xlabel: str,
        ylabel: str = "",
        title: str = "",
        xticks: Sequence[tuple[float, str]] | None = None,
        yticks: Sequence[tuple[float, str]] | None = None,
    ) -> list[Mark]:
        """Grid, ticks and labels around the area. Ticks are round values unless given as (value, label)."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        most_x = max(3, int((right - left) / 70))
        marks: list[Mark] = []
        for value, word in xticks if xticks is not None else _words(self.x.ticks(most_x)):
            at = self.x(value)
            marks += [Line(((at, bottom), (at, top)), "grid"), Text(at, bottom + 15, word, "muted", LABEL, "middle")]
        for value, word in yticks if yticks is not None else _words(self.y.ticks(5)):
            at = self.y(value)
            marks += [Line(((left, at), (right, at)), "grid"), Text(left - 6, at + 4, word, "muted", LABEL, "end")]
        marks.append(Line(((left, bottom), (right, bottom)), "muted"))
        if xlabel:
            marks.append(Text((left + right) / 2, bottom + 33, xlabel, "muted", LABEL, "middle"))
        if ylabel:
            marks.append(Text(left - 42, (top + bottom) / 2, ylabel, "muted", LABEL, "middle", turned=True))
        if title:
            marks.append(Text(left, top - 9, title, "ink", 12.5, bold=True))
        return marks


def shown(value: float) -> str:
    """A number in short form, for an axis."""
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def width_of(text: str, size: float = LABEL) -> float:
    """About how wide a line of text is, pixels."""
    return 0.62 * size * len(text)


def _words(values: Iterable[float]) -> list[tuple[float, str]]:
    return [(value, shown(value)) for value in values]


def _multiples(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _round_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
