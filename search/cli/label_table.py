"""Test error against the number of labels in a table, and how many labels the champions save."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gear.evaluation.learning_curve import LearningCurve

__all__ = ["print_label_curves"]


def print_label_curves(console: Console, curves: Sequence[LearningCurve], units: Mapping[str, str]) -> None:
    """Print a table for each curve, then what the champions save in sentences.

    Args:
        console: to print on.
        curves: of a campaign.
        units: of the targets, by pair.
    """
    for curve in curves:
        console.print(_table(curve, units[curve.pair]))
    for curve in curves:
        for saving in curve.savings:
            console.print(f"{curve.pair} {curve.split}: {saving.words()}", soft_wrap=True)


def _table(curve: LearningCurve, unit: str) -> Table:
    of = "the decimal logarithm" if curve.log else f"{unit}"
    table = Table(
        title=f"{curve.pair} {curve.split}: test RMSE in {of} by number of labels, with 95 % intervals; "
        "bold: lowest validation RMSE"
    )
    table.add_column("labels", justify="right")
    for method in curve.points:
        table.add_column(method, justify="right")
    errors = {(method, point.labels): point.error for method, points in curve.points.items() for point in points}
    for labels in curve.labels:
        cells = []
        for method in curve.points:
            error = errors.get((method, labels))
            text = "" if error is None else f"{error.value:.4g} ({error.low:.4g} to {error.high:.4g})"
            cells.append(Text(text, style="bold" if curve.champions.get(labels) == method else ""))
        table.add_row(str(labels), *cells)
    return table
