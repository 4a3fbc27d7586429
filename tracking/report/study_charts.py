"""Charts of one study: the learning curves of its trials, and its winner's predictions."""

from collections.abc import Sequence

import numpy as np

from gear.evaluation.held_out import PartPredictions
from gear.evaluation.uncertainty import rmse
from gear.results import STATES
from tracking.report.axes import LABEL, Panel, Scale, shown, span
from tracking.report.campaigns import StudyRecord, TrialRecord
from tracking.report.charts import WIDTH, method_colour
from tracking.report.drawing import Dots, Drawing, Line, Mark, Text
from tracking.report.thinning import shown_of

__all__ = ["curves_chart", "parity_chart"]

HIGHEST = 2.0  # times the median RMSE of the first epoch; what lies above is drawn at the upper edge
MOST_NUMBERS = 10  # on the axis of trials
SIDE, PITCH = 360.0, 460.0  # pixels of a parity plot, and from one to the next


def curves_chart(name: str, study: StudyRecord, density: int) -> Drawing | None:
    """Validation RMSE by epoch of the trials; those stopped early end in a ring, failed ones in a cross.

    Of a study with many trials the curves of some are shown, see `tracking.report.thinning`.

    Args:
        name: of the drawing.
        study: to be shown.
        density: maximum number of points of a curve that did not win.
    """
    trials = [trial for trial in study.trials if trial.curve]
    if not trials:
        return None
    values = [value for trial in trials for _, value in trial.curve]
    top = min(max(values), HIGHEST * float(np.median([trial.curve[0][1] for trial in trials])))
    epochs = max(trial.curve[-1][0] for trial in trials)
    if epochs == 1:  # fitted at once
        return _values_chart(name, study, trials)
    panel = Panel(Scale(1, max(epochs, 2), 60, WIDTH - 165), span([min(values), max(top, min(values))], 270, 12))
    marks = panel.frame("epoch", "validation RMSE")
    winner = None if study.winner is None else study.winner.number
    others = [_curve(trial, panel, density) for trial in trials if trial.number != winner]
    marks += [path for path, _ in others] + [mark for _, end in others for mark in end]
    if study.winner is not None and study.winner.curve:
        marks += _winning_curve(study.winner, panel, method_colour(study.method))
    return Drawing(name, _title("Learning curves", study, trials), _told(study), WIDTH, 310, marks)


def _values_chart(name: str, study: StudyRecord, trials: Sequence[TrialRecord]) -> Drawing:
    """Validation RMSE of trials of one epoch, by their number."""
    points = [(float(trial.number), trial.curve[0][1]) for trial in trials]
    top = min(max(y for _, y in points), HIGHEST * float(np.median([y for _, y in points])))
    last = max(int(points[-1][0]), 1)
    panel = Panel(Scale(0, last, 60, WIDTH - 165), span([min(y for _, y in points), top], 270, 12))
    numbers = range(0, last + 1, max(1, last // MOST_NUMBERS))
    marks = panel.frame("trial", "validation RMSE", xticks=[(number, str(number)) for number in numbers])
    marks += [
        Dots(panel.place([point]), "muted", 3, 0.8, label=_tip(trial))
        for point, trial in zip(points, trials, strict=True)
    ]
    if study.winner is not None and study.winner.curve:
        best = study.winner
        place = panel.place([(float(best.number), best.curve[0][1])])
        colour = method_colour(study.method)
        marks += [Dots(place, colour, 5, label=_tip(best)), _winner_words(best, *place[0], colour)]
    return Drawing(name, _title("Trials", study, trials), _told(study), WIDTH, 310, marks)


def _title(what: str, study: StudyRecord, trials: Sequence[TrialRecord]) -> str:
    return f"{what} of {study.name}{shown_of(len(trials), study.curves)}"


def _told(study: StudyRecord) -> str:
    told = ", ".join(f"{study.count(state)} {state}" for state in STATES) + " trials."
    if study.winner is not None and study.validation_rmse is not None:
        told += f" The winner, trial {study.winner.number}, reaches a validation RMSE of {study.validation_rmse:.4f}."
    return told


def _curve(trial: TrialRecord, panel: Panel, density: int) -> tuple[Line, list[Mark]]:
    """The curve of a trial, and how it ended."""
    step = max(1, len(trial.curve) // density)
    path = panel.place([*trial.curve[:-1:step], trial.curve[-1]])
    (x, y), tip = path[-1], _tip(trial)
    if trial.state == "failed":
        cross: list[Mark] = [Line(((x - 4, y - s), (x + 4, y + s)), "orange", 2, label=tip) for s in (4, -4)]
        return Line(path, "orange", 1, 0.7, label=tip), cross
    if trial.state == "complete":
        return Line(path, "muted", 1.2, 0.8, label=tip), []
    ring = Dots(((x, y),), "muted", 3, hollow=True, label=tip)
    return Line(path, "faint", 1, dash=True, label=tip), [ring]


def _winning_curve(trial: TrialRecord, panel: Panel, colour: str) -> list[Mark]:
    path, tip = panel.place(trial.curve), _tip(trial)
    x, y = path[-1]
    words = _winner_words(trial, x, y, colour)
    return [Line(path, colour, 2.5, label=tip), Dots(((x, y),), colour, 4, label=tip), words]


def _winner_words(trial: TrialRecord, x: float, y: float, colour: str) -> Text:
    return Text(x + 9, y + 4, f"winner, #{trial.number}: {trial.value:.4f}", colour, LABEL, bold=True)


def _tip(trial: TrialRecord) -> str:
    value = "" if trial.value is None else f", best {trial.value:.4f}"
    return f"trial {trial.number}: {trial.state}{value}" + (f" ({trial.reason})" if trial.reason else "")


def parity_chart(name: str, study: StudyRecord, density: int, *, log: bool) -> Drawing | None:
    """The winner's predictions against the labels, validation and test, in the property's unit.

    Args:
        name: of the drawing.
        study: to be shown.
        density: maximum number of molecules of a part that are drawn.
        log: on logarithmic axes.
    """
    if not study.predictions:
        return None
    everything = np.concatenate([np.r_[part.true, part.predicted] for part in study.predictions.values()])
    standardised = {"validation": study.validation_rmse, "test": study.test_rmse}
    marks: list[Mark] = []
    told = []
    for index, (which, part) in enumerate(study.predictions.items()):
        left = 62 + index * PITCH
        x, y = (span(everything, *ends, log=log) for ends in ((left, left + SIDE), (SIDE + 34, 34.0)))
        marks += _parity(which, part, study, Panel(x, y), density)
        error = f"RMSE {shown(float(rmse(part.error)))} {study.shown_unit}".rstrip()
        marks.append(Text(left + 10, 56, error, "ink", 13, bold=True))
        if standardised[which] is not None:
            marks.append(Text(left + 10, 74, f"standardised {standardised[which]:.4f}", "muted", LABEL))
        told.append(f"{which} {error} over {len(part.true)} molecules")
    width = 62 + len(study.predictions) * PITCH - PITCH + SIDE + 20
    return Drawing(name, f"Predictions of the winner of {study.name}", "; ".join(told), width, SIDE + 72, marks)


def _parity(which: str, part: PartPredictions, study: StudyRecord, panel: Panel, density: int) -> list[Mark]:
    count = len(part.true)
    what = f"{study.target}, {study.shown_unit}".rstrip(", ")
    marks = panel.frame(f"measured {what}", f"predicted {what}", f"{which}, {count} molecules")
    low, high = max(panel.x.low, panel.y.low), min(panel.x.high, panel.y.high)
    marks.append(Line(panel.place([(low, low), (high, high)]), "muted", 1, dash=True))
    rows = np.linspace(0, count - 1, min(count, density)).astype(int)
    points: Sequence[tuple[float, float]] = [(float(part.true[row]), float(part.predicted[row])) for row in rows]
    return [*marks, Dots(panel.place(points), method_colour(study.method), 2.4, 0.55)]
