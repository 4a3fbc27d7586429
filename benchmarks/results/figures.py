"""The figures of the page: drawings by the marks that the report is made of."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gear.evaluation.comparison import BASELINE, REFERENCES, STRONGEST
from gear.variants import VARIANTS
from tracking.report.axes import LABEL, Panel, Scale, shown, span, width_of
from tracking.report.charts import WIDTH, method_colour, per_cent
from tracking.report.drawing import Dots, Drawing, Line, Mark, Text

from .ratios import Ratio, ratio
from .rows import CellChange, Loss, Row
from .tables import LEAD, counted, groups_of, rmse

LINE, TOP = 17.0, 30.0  # pixels of a method's line, and above the first one
PAIR_LINE, PAIR_GAP = 10.0, 7.0  # of a change of a pair, and between pairs
HEIGHT, LEFT, RIGHT = 300.0, 70.0, WIDTH - 140  # of a chart of curves
MEAN = REFERENCES["mean"]
FEW = 5  # points of a curve, which are marked
WIDEST = 0.6  # a larger change is drawn at the end
HUES = ("blue", "orange", "green", "purple", "olive", "brown", "ink", "muted")


def colour_of(method: str) -> str:
    """The colour of a method; references are black."""
    return "ink" if method == REFERENCES[STRONGEST] else method_colour(method)


def ratios_figure(rows: Sequence[Row]) -> Drawing | None:
    """The change against single-task training of every method, with intervals: a block a kind of split and labels."""
    blocks = {title: _against(group) for title, group in groups_of(rows).items()}
    found = [one for block in blocks.values() for _, one in block]
    if not found:
        return None
    left = max(width_of(name) for block in blocks.values() for name, _ in block) + 16
    x = _changes_scale((end - 1 for one in found for end in (one.mean, one.low, one.high)), left)
    height = TOP + sum(len(block) * LINE + TOP for block in blocks.values())
    marks = _changes_frame(x, height, f"change of the test RMSE against {BASELINE}, mean over pairs")
    top = TOP
    for title, block in blocks.items():
        marks.append(Text(left, top - 6, title, "ink", 12.5, bold=True))
        for method, one in block:
            marks += _bar(method, one, x, top + LINE / 2)
            top += LINE
        top += TOP
    marks.append(Line(((x(0), 8), (x(0), height)), "ink", 1.2))
    told = "; ".join(f"{title}: {m} {per_cent(one.mean - 1)}" for title, block in blocks.items() for m, one in block)
    return Drawing("ratios", f"Test RMSE of every method against {BASELINE}", told, WIDTH, height + 42, marks)


def _changes_scale(ends: Iterable[float], left: float) -> Scale:
    """A scale of changes, with 0."""
    inside = span([min(end, WIDEST) for end in ends if math.isfinite(end)], 0, 1, zero=True)
    return Scale(inside.low, inside.high, left, WIDTH - 90)


def _changes_frame(x: Scale, height: float, what: str) -> list[Mark]:
    ticks = [(value, _signed(value)) for value in x.ticks(8)]
    return Panel(x, Scale(0, 1, height, 8)).frame(what, xticks=ticks, yticks=[])


def _signed(change: float) -> str:
    return f"{100 * change:g} %".replace("-", "−")


def _against(group: Sequence[Row]) -> list[tuple[str, Ratio]]:
    """Every method over single-task training, the lowest first."""
    methods = dict.fromkeys(row.method for row in group if row.method not in (BASELINE, MEAN))
    found = [(method, one) for method in methods if (one := ratio(group, method, BASELINE, rmse)) is not None]
    return sorted(found, key=lambda one: one[1].mean)


def _bar(method: str, one: Ratio, x: Scale, at: float) -> Iterator[Mark]:
    tip = f"{method}: {one.change}"
    yield Text(x.start - 8, at + 4, method, colour_of(method), LABEL, "end")
    if math.isfinite(one.low):
        yield Line(((x(one.low - 1), at), (x(one.high - 1), at)), colour_of(method), 1.5, label=tip)
    yield Dots(((x(one.mean - 1), at),), colour_of(method), 4, label=tip)
    yield Text(x.end + 8, at + 4, per_cent(one.mean - 1), "muted", LABEL)


def pairs_figure(changes: Sequence[CellChange], split: str) -> Drawing | None:
    """The leading method against single-task training on every pair, with intervals: a colour a number of labels."""
    by_pair: dict[str, list[CellChange]] = defaultdict(list)
    for change in changes:
        if (change.split, change.method, change.other) == (split, LEAD, BASELINE):
            by_pair[change.pair].append(change)
    if not by_pair:
        return None
    found = [change for of_pair in by_pair.values() for change in of_pair]
    numbers = sorted({change.labels for change in found}, key=lambda one: one or math.inf)
    colours = {labels: HUES[place % len(HUES)] for place, labels in enumerate(numbers)}
    left = max(map(width_of, by_pair)) + 16
    x = _changes_scale((end for one in found for end in (one.value, one.low, one.high)), left)
    height = TOP + sum(len(of_pair) * PAIR_LINE + PAIR_GAP for of_pair in by_pair.values())
    marks = _changes_frame(x, height, f"change of the test RMSE of {LEAD} against {BASELINE}, 95 % interval")
    for place, labels in enumerate(numbers):
        marks.append(Text(left + 110 * place, TOP - 14, f"{labels or 'all'} labels", colours[labels], LABEL, bold=True))
    top, told = TOP, []
    for pair, of_pair in sorted(by_pair.items(), key=lambda one: statistics.mean(change.value for change in one[1])):
        middle = top + len(of_pair) * PAIR_LINE / 2
        marks.append(Text(left - 8, middle + 4, pair, "ink", LABEL, "end"))
        for change in sorted(of_pair, key=lambda one: (one.labels or math.inf, one.split_seed)):
            marks += _interval(change, x, top + PAIR_LINE / 2, colours[change.labels])
            top += PAIR_LINE
        top += PAIR_GAP
        told.append(f"{pair} {', '.join(per_cent(change.value) for change in of_pair)}")
    marks.append(Line(((x(0), TOP - 8), (x(0), height)), "ink", 1.2))
    title = f"{split.capitalize()} split: {LEAD} against {BASELINE} on every pair"
    return Drawing(f"pairs-{split}", title, "; ".join(told), WIDTH, height + 42, marks)


def _interval(change: CellChange, x: Scale, at: float, colour: str) -> Iterator[Mark]:
    tip = f"{change.pair}, {change.labels or 'all'} labels: {per_cent(change.value)}"
    if math.isfinite(change.low):
        yield Line(((x(change.low), at), (x(change.high), at)), colour, 1.5, label=tip)
    yield Dots(((x(change.value), at),), colour, 3.5, label=tip)


def labels_figure(rows: Sequence[Row], split: str) -> Drawing | None:
    """The change against single-task training with the same number of labels, by that number.

    It is of the pairs that every number of labels has.
    """
    numbers = sorted({row.labels for row in rows if row.split == split}, key=lambda one: one or math.inf)
    pairs = [{row.pair for row in rows if row.group == (split, labels)} for labels in numbers]
    shared = set.intersection(*pairs) if pairs else set()
    if len(numbers) < 2 or not shared:
        return None
    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for place, labels in enumerate(numbers):
        for method, one in _against([row for row in rows if row.group == (split, labels) and row.pair in shared]):
            curves[method].append((float(place), one.mean - 1))
    ticks = [(float(place), f"{labels or 'all'}") for place, labels in enumerate(numbers)]
    what = f"test RMSE against {BASELINE}"
    title = f"{split.capitalize()} split, {counted(len(shared), 'pair')}: {what} with as many labels"
    return _curves(f"labels-{split}", title, curves, "number of labels of the target", what, ticks, changes=True)


def losses_figure(losses: Sequence[Loss], term: str, title: str) -> Drawing | None:
    """A number of each epoch by method, geometric mean over the studies that all methods have."""
    values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for loss in losses:
        if loss.term == term and loss.value > 0:
            values[loss.method][loss.epoch].append(math.log(loss.value))
    curves = {
        method: [(float(epoch), math.exp(sum(logs) / len(logs))) for epoch, logs in sorted(epochs.items())]
        for method, epochs in values.items()
    }
    if not curves:
        return None
    name = "ablation-" + term.replace("/", "-").replace("_", "-")
    return _curves(name, title, curves, "epoch", term.partition("/")[2] or "validation RMSE")


def _curves(
    name: str,
    title: str,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    xlabel: str,
    ylabel: str,
    xticks: Sequence[tuple[float, str]] | None = None,
    *,
    changes: bool = False,
) -> Drawing:
    """A line a method, with its name at the right end; of changes in per cent, else of positive values, logarithmic."""
    xs, ys = ([point[axis] for points in curves.values() for point in points] for axis in (0, 1))
    panel = Panel(span(xs, LEFT, RIGHT), span(ys, HEIGHT, TOP, log=not changes, zero=changes))
    yticks = [(value, _signed(value)) for value in panel.y.ticks(6)] if changes else None
    marks = panel.frame(xlabel, ylabel, title, xticks=xticks, yticks=yticks)
    colours = _distinct(curves)
    for method, points in curves.items():
        places = panel.place(points)
        marks.append(Line(places, colours[method], 2, label=method))
        if len(points) <= FEW:
            marks.append(Dots(places, colours[method], 3.5, label=method))
    lowest = 0.0
    for method in sorted(curves, key=lambda one: panel.y(curves[one][-1][1])):
        at = max(panel.y(curves[method][-1][1]) + 4, lowest)
        lowest = at + LINE - 3
        marks.append(Text(RIGHT + 8, at, method, colours[method], LABEL, bold=True))
    told = "; ".join(f"{method} {shown(points[-1][1])} at the end" for method, points in curves.items())
    return Drawing(name, title, told, WIDTH, max(HEIGHT + 42, lowest), marks)


def _distinct(methods: Iterable[str]) -> dict[str, str]:
    """The colour of each method. Variants, which would all have that of their method, have the next free ones."""
    found = {method: colour_of(method) for method in methods}
    free = (hue for hue in HUES if hue not in {found[method] for method in found if method not in VARIANTS})
    return {method: next(free, colour) if method in VARIANTS else colour for method, colour in found.items()}
