"""Drawings as PNG, on light paper."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracking.report.drawing import COLOURS, Bar, Dots, Drawing, Line, Mark, Text

__all__ = ["to_png"]

DPI = 160
POINTS = 0.72  # points per pixel, at 100 pixels per inch
ALIGNED = {"start": "left", "middle": "center", "end": "right"}
ALIGNED_UPWARDS = {"start": "bottom", "middle": "center", "end": "top"}


def to_png(drawing: Drawing) -> bytes:
    """The PNG of a drawing, with 1.6 dots per pixel."""
    figure = Figure(figsize=(drawing.width / 100, drawing.height / 100), facecolor=COLOURS["paper"][0])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.axis("off")
    for order, mark in enumerate(drawing.marks):
        _paint(axes, mark, COLOURS[mark.colour][0], order)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _paint(axes: Axes, mark: Mark, ink: str, order: int) -> None:
    match mark:
        case Line():
            x, y = zip(*mark.points, strict=True)
            (line,) = axes.plot(x, y, color=ink, linewidth=mark.width * POINTS, alpha=mark.opacity, zorder=order)
            if mark.dash:
                line.set_linestyle((0, (4, 3)))
        case Dots():
            x, y = zip(*mark.points, strict=True)
            inside, edge = ("none", ink) if mark.hollow else (ink, "none")
            area = (2 * mark.radius * POINTS) ** 2
            dots = axes.scatter(x, y, area, facecolors=inside, edgecolors=edge, linewidths=POINTS)
            dots.set(alpha=mark.opacity, zorder=order)
        case Bar():
            box = ([mark.x + mark.width / 2], [mark.height], mark.width, mark.y)
            axes.bar(*box, color=ink, alpha=mark.opacity, zorder=order)
        case Text():
            text = axes.text(mark.x, mark.y, mark.text, color=ink, fontsize=mark.size * POINTS, zorder=order)
            text.set(weight="bold" if mark.bold else "normal", va="baseline", ha=ALIGNED[mark.anchor])
            if mark.turned:
                text.set(rotation=90, ha="right", va=ALIGNED_UPWARDS[mark.anchor])
