"""Test error against the number of labels: the curves of a report's campaigns, and their chart."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gear.evaluation.comparison import REFERENCES, STRONGEST
from gear.evaluation.learning_curve import LearningCurve, Point, TestedModel, learning_curves
from gear.evaluation.uncertainty import Interval
from tracking.report.axes import LABEL, Panel, shown, span
from tracking.report.campaigns import CampaignRecord
from tracking.report.charts import WIDTH, method_colour
from tracking.report.drawing import Dots, Drawing, Line, Mark, Text

__all__ = ["LabelView", "label_views"]

MEAN, SVR = REFERENCES["mean"], REFERENCES[STRONGEST]
HEIGHT, TOP, LEFT, RIGHT = 320.0, 20.0, 66.0, WIDTH - 130  # pixels of the area
APART = 4.0  # pixels between the intervals of methods at one number of labels
LINE = 15.0  # pixels between names


@dataclass(frozen=True, slots=True)
class LabelView:
    """The curve of a campaign's pair and split as it is shown."""

    title: str
    what: str  # its errors are
    curve: LearningCurve
    drawing: Drawing

    @property
    def methods(self) -> list[str]:
        """Names of the columns of its table."""
        return list(self.curve.points)

    @property
    def rows(self) -> list[tuple[int, list[tuple[Interval | None, bool]]]]:
        """By number of labels: for each method its error, and whether validation chooses it."""
        errors = {(name, p.labels): p.error for name, points in self.curve.points.items() for p in points}
        return [
            (
                labels,
                [(errors.get((name, labels)), self.curve.champions.get(labels) == name) for name in self.curve.points],
            )
            for labels in self.curve.labels
        ]


def label_views(campaigns: Sequence[CampaignRecord]) -> list[LabelView]:
    """A view of each campaign, pair and way to split it that was tested with several numbers of labels."""
    return [
        _view(campaign, curve, len(campaigns) > 1)
        for campaign in campaigns
        for curve in learning_curves(_tested(campaign))
    ]


def _view(campaign: CampaignRecord, curve: LearningCurve, several: bool) -> LabelView:
    unit = next(study.shown_unit for study in campaign.studies if study.pair == curve.pair)
    what = "test RMSE of the decimal logarithm" if curve.log else f"test RMSE, {unit}".rstrip(", ")
    title = f"{curve.pair}, {curve.split}" + (f" ({campaign.name})" if several else "")
    parts = (*([campaign.name] if several else []), curve.pair, curve.split)
    return LabelView(title, what, curve, _chart("labels-" + re.sub(r"[^\w.+-]+", "-", "-".join(parts)), curve, what))


def _tested(campaign: CampaignRecord) -> Iterator[TestedModel]:
    results = campaign.results
    for study in results:
        part = study.predictions.get("test")
        if study.labels and part is not None and study.test_rmse is not None:
            where = (study.pair, study.split, study.method, study.labels)
            yield TestedModel(*where, study.test_rmse, part, study.validation_rmse)
    places = {(study.pair, study.split) for study in results}
    for found in campaign.references:
        if (found.pair, found.split) not in places:
            continue  # of a fold whose results are joined
        if found.labels and found.predictions is not None and found.test_rmse is not None:
            where = (found.pair, found.split, found.title, found.labels)
            yield TestedModel(*where, found.test_rmse, found.predictions)


def _chart(name: str, curve: LearningCurve, what: str) -> Drawing:
    """A line a method with 95 % intervals on logarithmic axes, and a dashed line for the strongest reference."""
    shown_points = {method: points for method, points in curve.points.items() if method != MEAN}
    ends = [end for points in shown_points.values() for p in points for end in (p.error.low, p.error.high)]
    x = span(curve.labels, LEFT + 14, RIGHT - 14, log=True)
    panel = Panel(x, span([end for end in ends if end > 0], HEIGHT, TOP, log=True))
    ticks = [(float(labels), f"{labels:,}") for labels in curve.labels]
    marks = panel.frame("number of labels of the target, for training and validation", what, xticks=ticks)
    middle = (len(shown_points) - 1) / 2
    for index, (method, points) in enumerate(shown_points.items()):
        marks += _line(method, points, panel, (index - middle) * APART)
    marks += _names(shown_points, panel)
    told = "; ".join(
        f"{method}: " + ", ".join(f"{shown(p.error.value)} with {p.labels} labels" for p in points)
        for method, points in shown_points.items()
    )
    title = f"Test RMSE of {curve.pair} {curve.split} by number of labels"
    return Drawing(name, title, told, WIDTH, HEIGHT + 42, marks)


def _line(method: str, points: Sequence[Point], panel: Panel, shift: float) -> list[Mark]:
    """The curve of a method, moved by some pixels so that intervals do not hide each other."""
    colour = _colour(method)
    places = [(panel.x(point.labels) + shift, panel.y(point.error.value)) for point in points]
    marks: list[Mark] = [Line(places, colour, 2, dash=method == SVR)]
    for point, (x, _) in zip(points, places, strict=True):
        marks.append(
            Line(
                ((x, panel.y(point.error.low)), (x, panel.y(point.error.high))), colour, 1.2, label=_tip(method, point)
            )
        )
    for point, place in zip(points, places, strict=True):
        marks.append(Dots((place,), colour, 4, label=_tip(method, point)))
    return marks


def _names(points: Mapping[str, Sequence[Point]], panel: Panel) -> list[Mark]:
    """The names of the methods at the right end of their curves, moved apart where they would overlap."""
    order = sorted(points, key=lambda method: panel.y(points[method][-1].error.value))
    marks: list[Mark] = []
    lowest = 0.0
    for method in order:
        at = max(panel.y(points[method][-1].error.value) + 4, lowest)
        lowest = at + LINE
        marks.append(Text(RIGHT + 8, at, method, _colour(method), LABEL, bold=True))
    return marks


def _colour(method: str) -> str:
    return "ink" if method == SVR else method_colour(method)


def _tip(method: str, point: Point) -> str:
    error = point.error
    interval = f"95 % interval {shown(error.low)} to {shown(error.high)}"
    return f"{method}, {point.labels} labels: {shown(error.value)}, {interval}"
