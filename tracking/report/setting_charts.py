"""Charts of the settings of trials: loss weights, depth, importance, complete configurations."""

from collections.abc import Sequence

import numpy as np

from tracking.report.axes import LABEL, Panel, Scale, shown, span
from tracking.report.campaigns import StudyRecord, TrialRecord
from tracking.report.charts import WIDTH, method_colour
from tracking.report.drawing import Bar, Dots, Drawing, Line, Mark, Text
from tracking.report.settings import Setting, chance_level, running_median, varied
from tracking.report.thinning import shown_of, thinned

__all__ = ["importance_chart", "parallel_chart", "weights_chart"]

MOST = 9  # maximum number of settings in a chart
COLUMNS, SIDE, PITCH, ROW = 3, 240.0, 310.0, 218.0  # of the panels of `weights_chart`, pixels
MANY = 300  # points of a panel, above which they are drawn smaller and lighter
FEW = 4  # different values of a setting, up to which each is marked on its axis
TYPICAL = 0.9  # share of the values that the charts show in full; higher ones are drawn at the upper edge
AXIS = (190.0, 30.0)  # lower and upper end of a parallel axis, pixels

Point = tuple[float, float, TrialRecord]  # setting, value, and the trial


def weights_chart(
    name: str, title: str, series: Sequence[tuple[TrialRecord, float]], ylabel: str, colour: str
) -> Drawing | None:
    """Value against each loss weight that differs between trials, with a running median, and by transfer depth.

    Args:
        name: of the drawing.
        title: of the drawing.
        series: trials that ran, and the value of each that is drawn.
        ylabel: what the value is.
        colour: of complete trials.
    """
    found = [n for n in (series[0][0].params if series else ()) if n.startswith("weights.") or n == "transfer.depth"]
    varying = [n for n in found if len({trial.params.get(n) for trial, _ in series}) > 1]
    names = sorted(varying, key=lambda n: n == "transfer.depth")
    if not names:
        return None
    values = [value for _, value in series]
    highest = float(np.quantile(values, TYPICAL))
    marks: list[Mark] = []
    for index, setting in enumerate(names):
        left, top = 60 + (index % COLUMNS) * PITCH, 28 + (index // COLUMNS) * ROW
        y = span([min(values), highest], top + 150, top)
        points = [(float(trial.params[setting]), value, trial) for trial, value in series if setting in trial.params]
        panel = _depths if setting == "transfer.depth" else _weights
        marks += panel(setting, points, Scale(0, 1, left, left + SIDE), y, "" if index % COLUMNS else ylabel, colour)
    height = -(-len(names) // COLUMNS) * ROW - 12
    return Drawing(name, title, f"{len(series)} trials against {', '.join(names)}.", WIDTH, height, marks)


def _weights(setting: str, points: Sequence[Point], room: Scale, y: Scale, ylabel: str, colour: str) -> list[Mark]:
    xs = [x for x, _, _ in points]
    panel = Panel(span(xs, room.start, room.end, log=min(xs) > 0), y)
    marks = panel.frame("", ylabel, setting) + _cloud(panel, points, colour)
    median = running_median(xs, [value for _, value, _ in points])
    return [*marks, Line(panel.place(median), "ink", 2)] if median else marks


def _depths(setting: str, points: Sequence[Point], room: Scale, y: Scale, ylabel: str, colour: str) -> list[Mark]:
    """One column of points per depth, with the middle half as a box and the median as a bar."""
    depths = sorted({x for x, _, _ in points})
    panel = Panel(Scale(depths[0] - 0.6, depths[-1] + 0.6, room.start, room.end), y)
    marks = panel.frame("", ylabel, setting, xticks=[(depth, f"{depth:g}") for depth in depths])
    half = 0.3 * (panel.x(depths[0] + 1) - panel.x(depths[0]))
    for depth in depths:
        column = [point for point in points if point[0] == depth]
        low, middle, high = (y(v) for v in np.quantile([value for _, value, _ in column], (0.25, 0.5, 0.75)))
        x = panel.x(depth)
        beside = [(depth + 0.04 * ((7 * index) % 11 - 5), v, trial) for index, (_, v, trial) in enumerate(column)]
        marks += [
            *_cloud(panel, beside, colour),
            Bar(x - half, high, 2 * half, low - high, "muted", 0.3),
            Line(((x - half, middle), (x + half, middle)), "ink", 2),
        ]
    return marks


def _cloud(panel: Panel, points: Sequence[Point], colour: str) -> list[Mark]:
    """Complete trials as discs, stopped ones as rings; small and light where there are many."""
    radius, opacity = (1.6, 0.4) if len(points) > MANY else (2.8, 0.7)
    complete = [(x, value) for x, value, trial in points if trial.state == "complete"]
    pruned = [(x, value) for x, value, trial in points if trial.state == "pruned"]
    rings = Dots(panel.place(pruned), "muted", radius, opacity, hollow=True)
    discs = Dots(panel.place(complete), colour, radius, opacity)
    return [dots for dots in (rings, discs) if dots.points]


def importance_chart(name: str, study: StudyRecord) -> Drawing | None:
    """The importance of each setting for the RMSE, highest first."""
    settings = varied(study)[:MOST]
    if not settings:
        return None
    x = Scale(0, max(*(setting.weight for setting in settings), 1e-9), 190, WIDTH - 200)
    level = 0.0 if settings[0].recorded else chance_level(study)
    bottom = 6 + 22 * len(settings)
    marks: list[Mark] = []
    for index, setting in enumerate(settings):
        top = 6 + index * 22
        words = f"{setting.weight:.2f}" + (f", better {_direction(setting)}" if setting.weight > level else "")
        marks += [
            Text(182, top + 12, setting.name, "ink", LABEL, "end"),
            Bar(190, top, x(setting.weight) - 190, 16, method_colour(study.method), 0.8),
            Text(x(setting.weight) + 8, top + 12, words.removesuffix(", better "), "muted", LABEL),
        ]
    if 0 < level < x.high:
        marks += [
            Line(((x(level), 0), (x(level), bottom)), "ink", 1, dash=True),
            Text(x(level) + 4, bottom + 14, "right of this line hardly by chance", "muted", LABEL),
        ]
    elif level:
        words = f"all may be chance: with this few trials only a correlation above {level:.2f} is more"
        marks.append(Text(190, bottom + 14, words, "muted", LABEL))
    told = ", ".join(f"{setting.name} {setting.weight:.2f}" for setting in settings)
    return Drawing(name, f"Settings that matter in {study.name}", told, WIDTH, bottom + 22, marks)


def _direction(setting: Setting) -> str:
    return "" if setting.direction == 0 else "low" if setting.direction > 0 else "high"


def parallel_chart(name: str, study: StudyRecord, most: int) -> Drawing | None:
    """Parallel coordinates: one line per trial through its settings, with the best third and the winner emphasised.

    Args:
        name: of the drawing.
        study: to be shown.
        most: maximum number of trials that are drawn.
    """
    settings = varied(study)[: MOST - 1]
    trials = [trial for trial in study.trials if trial.ran]
    if len(settings) < 2:
        return None
    values = [trial.value or 0.0 for trial in trials]
    ranks = np.argsort(np.argsort(values))
    gap = (WIDTH - 160) / len(settings)
    scales = [_axis(setting) for setting in settings] + [span(values, *AXIS)]
    columns = [[scale(v) for v in _numbers(setting)] for setting, scale in zip(settings, scales, strict=False)]
    columns.append([scales[-1](value) for value in values])
    marks: list[Mark] = []
    drawn = {trial.number for trial in thinned(trials, study.winner, most)}
    for row in (row for row in np.argsort(-ranks) if trials[row].number in drawn):  # the best last, on top
        won = study.winner is not None and trials[row].number == study.winner.number
        good = ranks[row] < max(1, len(trials) // 3)
        colour, width = ("orange", 2.5) if won else (method_colour(study.method), 1.4) if good else ("faint", 0.8)
        path = [(80 + index * gap, column[row]) for index, column in enumerate(columns)]
        marks.append(Line(path, colour, width, label=f"trial {trials[row].number}: {values[row]:.4f}"))
    for index, (scale, setting) in enumerate(zip(scales, [*settings, None], strict=True)):
        marks += _axis_marks(80 + index * gap, scale, setting, 212 + 16 * (index % 2))
    told = f"{len(trials)} trials through {', '.join(setting.name for setting in settings)} to the validation RMSE."
    title = f"Configurations of {study.name}{shown_of(len(drawn), len(trials))}"
    return Drawing(name, title, told, WIDTH, 240, marks)


def _axis(setting: Setting) -> Scale:
    if setting.numeric:
        return span(_numbers(setting), *AXIS, log=setting.log)
    return Scale(-0.3, len(setting.words) - 0.7, *AXIS)


def _numbers(setting: Setting) -> list[float]:
    """Values as numbers: words by their place in the alphabet."""
    return [float(setting.words.index(v)) if isinstance(v, str) else v for v in setting.values]


def _axis_marks(x: float, scale: Scale, setting: Setting | None, below: float) -> list[Mark]:
    """An axis, its ticks, and its name at the height `below`; no setting means the value."""
    few = [] if setting is None else sorted({v for v in setting.values if not isinstance(v, str)})
    ticks = [(value, shown(value)) for value in (few if 0 < len(few) <= FEW else scale.ticks(5))]
    if setting is not None and not setting.numeric:
        ticks = [(float(index), word) for index, word in enumerate(setting.words)]
    marks: list[Mark] = [Line(((x, AXIS[0]), (x, AXIS[1])), "muted")]
    marks += [Text(x + 5, scale(value) + 4, word, "muted", 10) for value, word in ticks]
    name = "validation RMSE" if setting is None else setting.name
    return [*marks, Text(x, below, name, "ink", LABEL, "middle", bold=setting is None)]
