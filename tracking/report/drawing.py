"""Drawings: a few marks in pixels, written as SVG. Nothing here knows what they show.

Colours go by name. On a page they are CSS variables, so that a drawing follows the page into the dark; in a file of its
own they are those of light paper.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

__all__ = ["COLOURS", "Bar", "Dots", "Drawing", "Line", "Mark", "Points", "Text", "to_svg"]

Points = Sequence[tuple[float, float]]

COLOURS = {  # name: on light paper, in the dark; the hues can be told apart with any colour vision
    "paper": ("#ffffff", "#15191e"),
    "panel": ("#f6f8fa", "#1c2229"),
    "ink": ("#1c2128", "#e6e9ee"),
    "muted": ("#5f6b78", "#9aa5b1"),
    "grid": ("#dfe3e8", "#2f3741"),
    "faint": ("#aeb7c1", "#55606d"),
    "blue": ("#0072b2", "#5ab4f0"),
    "orange": ("#c65000", "#ff9a4d"),
    "green": ("#00805d", "#3fcf9f"),
    "purple": ("#aa4499", "#e08ad0"),
    "olive": ("#77710a", "#cfc94a"),
    "brown": ("#8a5a2b", "#d8a874"),
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline; `label` is shown while the mouse is over it."""

    points: Points
    colour: str = "ink"
    width: float = 1.0
    opacity: float = 1.0
    dash: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Dots:
    """Discs, or rings if hollow."""

    points: Points
    colour: str = "ink"
    radius: float = 2.5
    opacity: float = 1.0
    hollow: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str = "ink"
    opacity: float = 1.0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; its `anchor` (start, middle or end) lies at (x, y). Turned text reads upwards."""

    x: float
    y: float
    text: str
    colour: str = "ink"
    size: float = 12.0
    anchor: str = "start"
    bold: bool = False
    turned: bool = False


Mark = Line | Dots | Bar | Text


@dataclass(frozen=True, slots=True)
class Drawing:
    """Marks on a sheet of width x height pixels. `name` is a file name; `description` is for screen readers."""

    name: str
    title: str
    description: str
    width: float
    height: float
    marks: list[Mark] = field(default_factory=list)


def to_svg(drawing: Drawing, *, inline: bool = False) -> str:
    """The SVG of a drawing: a file of its own, or an element of a page that defines the colours."""

    def colour(name: str) -> str:
        return f"var(--{name})" if inline else COLOURS[name][0]

    size = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    told = f'role="img" aria-label="{escape(drawing.title)}. {escape(drawing.description)}"'
    body = "\n".join(_element(mark, colour) for mark in drawing.marks)
    if inline:
        return f'<svg {size} style="max-width:{drawing.width:g}px" {told}>\n{body}\n</svg>'
    font = f'width="{drawing.width:g}" height="{drawing.height:g}" font-family="{FONT}"'
    paper = _element(Bar(0, 0, drawing.width, drawing.height, "paper"), colour)
    title = f"<title>{escape(drawing.title)}</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} {told}>\n{title}{paper}\n{body}\n</svg>\n'


def _element(mark: Mark, colour: Callable[[str], str]) -> str:
    match mark:
        case Line():
            dash = ";stroke-dasharray:4 3" if mark.dash else ""
            style = f"fill:none;stroke:{colour(mark.colour)};stroke-width:{mark.width:g}{dash}{_opacity(mark)}"
            return _path("M" + "L".join(_pairs(mark.points)), style, mark.label)
        case Dots(hollow=False):  # lines of no length with round ends take few characters per disc
            style = (
                f"stroke-linecap:round;stroke:{colour(mark.colour)};stroke-width:{2 * mark.radius:g}{_opacity(mark)}"
            )
            return _path("".join(f"M{pair}h0" for pair in _pairs(mark.points)), style, mark.label)
        case Dots():
            r = f"{mark.radius:g}"
            ring = f"m-{r} 0a{r} {r} 0 1 0 {2 * mark.radius:g} 0a{r} {r} 0 1 0-{2 * mark.radius:g} 0"
            style = f"fill:none;stroke:{colour(mark.colour)}{_opacity(mark)}"
            return _path("".join(f"M{pair}{ring}" for pair in _pairs(mark.points)), style, mark.label)
        case Bar():
            where = f'x="{mark.x:.1f}" y="{mark.y:.1f}" width="{mark.width:.1f}" height="{mark.height:.1f}"'
            return f'<rect {where} style="fill:{colour(mark.colour)}{_opacity(mark)}">{_tip(mark.label)}</rect>'
        case Text():
            turn = f' transform="rotate(-90 {mark.x:.1f} {mark.y:.1f})"' if mark.turned else ""
            anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
            weight = ";font-weight:600" if mark.bold else ""
            style = f"fill:{colour(mark.colour)};font-size:{mark.size:g}px{weight}"
            text = escape(mark.text)
            return f'<text x="{mark.x:.1f}" y="{mark.y:.1f}"{anchor}{turn} style="{style}">{text}</text>'


def _path(data: str, style: str, label: str) -> str:
    return f'<path d="{data}" style="{style}">{_tip(label)}</path>' if label else f'<path d="{data}" style="{style}"/>'


def _tip(label: str) -> str:
    return f"<title>{escape(label)}</title>" if label else ""


def _opacity(mark: Line | Dots | Bar) -> str:
    return "" if mark.opacity == 1 else f";opacity:{mark.opacity:g}"


def _pairs(points: Points) -> Iterable[str]:
    return (f"{x:.1f} {y:.1f}" for x, y in points)
