"""Charts of a whole campaign: the effect of transfer on the error, and of training on the curvatures."""

import math
from collections.abc import Sequence

from gear.evaluation.comparison import Change
from gear.methods import METHODS
from gear.variants import method_of
from tracking.report.axes import LABEL, Panel, Scale, span, width_of
from tracking.report.campaigns import StudyRecord
from tracking.report.compare import StudyChange, best_transfer
from tracking.report.drawing import Bar, Dots, Drawing, Line, Mark, Text

__all__ = ["change_chart", "curvature_chart", "method_colour", "per_cent"]

WIDTH = 960.0
BAR, GAP = 15.0, 10.0  # pixels of a bar, and between groups of bars
OTHER = "purple"  # of methods that are not built in
LARGEST = 0.6  # a longer bar is cut off there; its value is written beside it


def method_colour(method: str) -> str:
    """The colour of a method, the same in every chart; a variant has that of its method, users' own share one."""
    spec = METHODS.get(method_of(method).method)
    return OTHER if spec is None else spec.colour


def per_cent(share: float) -> str:
    """A change, signed: −3.2 %."""
    return f"{100 * share:+.1f} %".replace("-", "−")


def change_chart(name: str, split: str, found: Sequence[StudyChange]) -> Drawing | None:
    """The change of the test RMSE against single-task training: a group of bars per pair, a bar per method.

    Args:
        name: of the drawing.
        split: that they share.
        found: of transfer methods, or of others.
    """
    if not found:
        return None
    groups: dict[str, list[StudyChange]] = {}
    for change in sorted(found, key=lambda change: change.value):
        groups.setdefault(_group(change, found), []).append(change)
    chosen = {change.study.run_id for change in best_transfer(found)}
    left = max(width_of(group, 12) for group in groups) + 16
    ends = [end for c in found for end in _ends(c.change)]
    inside = span([min(max(end, -LARGEST), LARGEST) for end in ends], 0, 1, zero=True)
    words = max(width_of(c.study.method) for c in found) + 76
    x = Scale(inside.low, inside.high, left + 4, WIDTH - words)
    height = 18.0 + sum(len(group) * BAR + GAP for group in groups.values())
    panel = Panel(x, Scale(0, 1, height, 8))
    ticks = [(value, f"{100 * value:g} %".replace("-", "−")) for value in x.ticks(6)]
    better = "transfer helped" if chosen else "better than stl"
    marks = panel.frame(f"change of the test RMSE against stl; left of 0 {better}", xticks=ticks, yticks=[])
    top = 16.0
    for group, members in groups.items():
        marks.append(Text(left - 8, top + len(members) * BAR / 2 + 4, group, "ink", 12, "end"))
        for change in members:
            marks += _bar(change, x, top, WIDTH - words + 8, change.study.run_id in chosen)
            top += BAR
        top += GAP
    marks.append(Line(((x(0), 8), (x(0), height)), "ink", 1.2))
    helped = sum(change.value < 0 for change in found)
    words_of_it = f"{helped} of {len(found)} methods lower the test RMSE under the split {split}. " + "; ".join(
        f"{change.study.pair} {change.study.method} {per_cent(change.value)}" for change in found[:40]
    )
    return Drawing(
        name, f"Test RMSE against single-task training, split {split}", words_of_it, WIDTH, height + 42, marks
    )


def _group(change: StudyChange, found: Sequence[StudyChange]) -> str:
    several = len({c.study.campaign for c in found}) > 1
    return f"{change.study.pair} ({change.study.campaign})" if several else change.study.pair


def _ends(change: Change) -> tuple[float, ...]:
    """The values that a bar and its interval reach."""
    return (change.value,) if change.interval is None else (change.value, change.interval.low, change.interval.high)


def _bar(change: StudyChange, x: Scale, top: float, words_at: float, chosen: bool) -> list[Mark]:
    """A bar from 0 with its interval; the method that validation chooses has a dot before its name."""
    method, colour = change.study.method, method_colour(change.study.method)
    zero, end = x(0), x(change.value)
    tip = f"{change.study.name}: {per_cent(change.value)}"
    interval = change.change.interval
    if interval is not None:
        tip += f", 95 % interval {per_cent(interval.low)} to {per_cent(interval.high)}"
    middle = top + BAR / 2
    marks: list[Mark] = [Bar(min(zero, end), top + 1.5, abs(end - zero), BAR - 3, colour, 0.75, tip)]
    if interval is not None:
        low, high = x(interval.low), x(interval.high)
        marks.append(Line(((low, middle), (high, middle)), "ink", 1.2, label=tip))
    if chosen:
        marks.append(Dots(((words_at, middle),), "ink", 2.5, label="chosen on validation"))
    words = f"{method} {per_cent(change.value)}"
    return [*marks, Text(words_at + 6, middle + 4, words, "ink" if chosen else "muted", LABEL, bold=chosen)]


def curvature_chart(name: str, studies: Sequence[StudyRecord]) -> Drawing | None:
    """How similar the curvatures of both branches are, from the winner's first epoch (ring) to its last (disc)."""
    rows = [study for study in studies if "rho_correlation" in study.geometry]
    if not rows:
        return None
    left = max(width_of(study.name) for study in rows) + 16
    height, middle = 44.0 + 20 * len(rows), left + (WIDTH - left) * 0.52
    y = Scale(0, len(rows), 36, height)
    gaps = {study.run_id: _gap(study) for study in rows}
    positive = [value for pair in gaps.values() for value in pair if value > 0]
    correlation = Panel(Scale(-1, 1, left, middle - 24), Scale(0, 1, height, 36))
    marks = correlation.frame("correlation over molecules", title="similar from molecule to molecule", yticks=[])
    if positive:
        gap = Panel(span(positive, middle + 8, WIDTH - 16, log=True), Scale(0, 1, height, 36))
        marks += gap.frame("distance of the means, in spreads", title="similar on average", yticks=[])
    for index, study in enumerate(rows):
        at = y(index + 0.5)
        marks.append(Text(left - 10, at + 4, study.name, "ink", LABEL, "end"))
        marks += _arrow(correlation.x, study.geometry["rho_correlation"], at)
        if min(gaps[study.run_id]) > 0:
            marks += _arrow(gap.x, gaps[study.run_id], at)
    closer = sum(study.geometry["rho_correlation"][1] > study.geometry["rho_correlation"][0] for study in rows)
    told = f"The correlation of both branches' curvatures rises over training in {closer} of {len(rows)} winners."
    return Drawing(
        name, "Curvature of both branches, first and last epoch of the winner", told, WIDTH, height + 42, marks
    )


def _gap(study: StudyRecord) -> tuple[float, float]:
    """Distance of the branches' mean curvatures divided by the spread over molecules, at the first and last epoch."""
    of = study.geometry
    if not all(name in of for name in ("rho_source", "rho_target", "rho_spread")):
        return 0.0, 0.0
    first, last = (
        abs(of["rho_source"][k] - of["rho_target"][k]) / of["rho_spread"][k] if of["rho_spread"][k] else math.nan
        for k in (0, 1)
    )
    return (first, last) if math.isfinite(first + last) else (0.0, 0.0)


def _arrow(x: Scale, ends: tuple[float, float], at: float) -> list[Mark]:
    first, last = x(ends[0]), x(ends[1])
    tip = f"{ends[0]:.3g} at the first epoch, {ends[1]:.3g} at the last"
    return [
        Line(((first, at), (last, at)), "faint", 2, label=tip),
        Dots(((first, at),), "muted", 3.5, hollow=True),
        Dots(((last, at),), "blue", 4.5, label=tip),
    ]
