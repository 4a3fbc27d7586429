"""Test error against the number of labels, and how many labels the champion of each number saves.

Studies whose splits differ only in the number of labels (`random-n30`, `random-n60`, `random`) have one test part, so
each method has a curve. Errors are those that models see: in the property's unit, or those of its decimal logarithm.
Standardised ones differ between numbers of labels, since each training part has a standard deviation of its own.

How many labels a method needs for an error is read off its curve, which is linear between the measured numbers in the
logarithms of labels and error. Where more labels have a larger error, the smallest error at fewer labels stands for
it, since a method can leave labels out: the curve never rises, and the smallest number that reaches the error counts.
Beyond the measured numbers the curve is unknown: the answer is fewer than the smallest or more than the largest.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gear.data.splits.split_name import without
from gear.evaluation.comparison import BASELINE, REFERENCES, STRONGEST, champions, sees_logarithm
from gear.evaluation.held_out import PartPredictions
from gear.evaluation.uncertainty import LEVEL, Interval, interval, resampled, rmse
from gear.methods.classical import BOOSTING, GP, SVR

__all__ = ["LabelsNeeded", "LearningCurve", "Point", "Saving", "TestedModel", "labels_needed", "learning_curves"]

CLASSICAL = tuple(spec.name for spec in (SVR, GP, BOOSTING))  # classical methods without transfer
FEWER, MORE = 0.0, math.inf  # than were measured


@dataclass(frozen=True, slots=True, eq=False)
class TestedModel:
    """The winner of a study, or a reference, on the test part.

    Attributes:
        pair: its pair of properties.
        split: with its number of labels.
        method: of the study, or what the reference is called in tables, which no method is.
        labels: number of labels for training and validation together.
        rmse: standardised.
        predictions: for the test part.
        validation_rmse: standardised; None for a reference.
    """

    __test__ = False  # no class of tests

    pair: str
    split: str
    method: str
    labels: int
    rmse: float
    predictions: PartPredictions
    validation_rmse: float | None = None

    @property
    def judged_on(self) -> tuple[str, str]:
        """The split: within a campaign it identifies the test part."""
        return self.split, ""

    @property
    def test_rmse(self) -> float:
        """Standardised."""
        return self.rmse


@dataclass(frozen=True, slots=True)
class Point:
    """The test RMSE with a number of labels, as models see the property, and its 95 % interval."""

    labels: int
    error: Interval


@dataclass(frozen=True, slots=True)
class LabelsNeeded:
    """A number of labels with its 95 % interval; 0 is fewer than `fewest`, infinity more than `most`."""

    value: float
    low: float
    high: float
    fewest: int
    most: int

    def words(self) -> str:
        """`140 labels (95 % interval 95 to more than 812)`."""
        return f"{self.one(self.value)} labels (95 % interval {self.ends})"

    @property
    def ends(self) -> str:
        """The interval in words; beyond what was measured its ends may be one."""
        low, high = self.one(self.low), self.one(self.high)
        return low if low == high and self.low in (FEWER, MORE) else f"{low} to {high}"

    def one(self, labels: float) -> str:
        """A number of labels in words, `fewer than 30` or `more than 812` beyond what was measured."""
        if labels == FEWER:
            return f"fewer than {self.fewest}"
        return f"more than {self.most}" if labels == MORE else f"{labels:.0f}"


@dataclass(frozen=True, slots=True)
class Saving:
    """What a rival needs for the error that the champion of a number of labels reaches."""

    labels: int
    champion: str
    rival: str
    needed: LabelsNeeded

    @property
    def saved(self) -> str:
        """The labels saved, in words."""
        if self.needed.value == MORE:
            return f"more than {self.needed.most - self.labels}" if self.needed.most >= self.labels else "unknown"
        return f"{self.needed.value - self.labels:.0f}" if self.needed.value > self.labels else "none"

    def words(self) -> str:
        """The whole statement in a sentence."""
        error = f"the test error that {self.champion} reaches with {self.labels} labels"
        return f"{self.rival} needs {self.needed.words()} for {error}; labels saved: {self.saved}"


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The curves of a pair under one way to split it.

    Attributes:
        pair: of properties.
        split: without a number of labels.
        log: whether errors are those of the decimal logarithm.
        molecules: number of test molecules that all models have predicted.
        points: by method or reference, fewest labels first.
        champions: the method with the lowest validation error, by number of labels.
        savings: for each champion: what single-task learning, the classical method with the lowest validation error and
            the strongest reference need for its error, as far as they were tested with more than one number of labels.
    """

    pair: str
    split: str
    log: bool
    molecules: int
    points: Mapping[str, Sequence[Point]]
    champions: Mapping[int, str]
    savings: Sequence[Saving]

    @property
    def labels(self) -> list[int]:
        """All numbers of labels, ascending."""
        return sorted({point.labels for points in self.points.values() for point in points})


def learning_curves(models: Iterable[TestedModel]) -> list[LearningCurve]:
    """A curve for each pair and way to split it that was tested with more than one number of labels.

    Args:
        models: of one campaign.
    """
    groups: dict[tuple[str, str], list[TestedModel]] = {}
    for model in models:
        groups.setdefault((model.pair, without(model.split, ["labels"])), []).append(model)
    found = (_curve(pair, split, group) for (pair, split), group in groups.items())
    return [curve for curve in found if curve is not None]


def labels_needed(labels: np.ndarray, errors: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The smallest number of labels that reaches an error; 0 if fewer than the first do, infinity if the last do not.

    Args:
        labels: (P,) measured numbers, ascending.
        errors: (..., P) at these numbers.
        wanted: (...) error to be reached.

    Returns:
        (...) numbers of labels.
    """
    log_errors = np.log(np.maximum(np.minimum.accumulate(errors, axis=-1), 1e-300))
    goal = np.log(np.maximum(wanted, 1e-300))
    reached = log_errors <= goal[..., None]
    last = np.argmax(reached, axis=-1)  # 0 also where none reaches it
    before = np.maximum(last - 1, 0)
    high, low = (np.take_along_axis(log_errors, at[..., None], -1)[..., 0] for at in (before, last))
    share = np.divide(high - goal, high - low, out=np.ones_like(goal), where=high > low)
    x = np.log(labels)
    between = np.exp(x[before] + share * (x[last] - x[before]))
    at_first = np.where(log_errors[..., 0] < goal, FEWER, labels[0])
    found = np.where(last > 0, between, at_first)
    return np.where(reached.any(axis=-1), found, MORE)


def _curve(pair: str, split: str, group: Sequence[TestedModel]) -> LearningCurve | None:
    models = {(model.method, model.labels): model for model in group}
    both = sorted(set.intersection(*(set(model.predictions.keys) for model in group)))
    if len({labels for _, labels in models}) < 2 or not both:
        return None
    log = _logarithm(group)
    errors = {key: _errors(models[key].predictions, both, log=log) for key in sorted(models, key=lambda key: key[1])}
    molecules = np.array([smiles for smiles, *_ in both], object)
    points: dict[str, list[Point]] = {}
    for (method, labels), found in errors.items():
        points.setdefault(method, []).append(Point(labels, interval(found, rmse, molecules=molecules)))
    best = {labels: model.method for labels, model in _chosen(group).items()}
    classical = _chosen(model for model in group if model.method in CLASSICAL)
    rivals = {
        labels: [BASELINE, *([classical[labels].method] if labels in classical else []), REFERENCES[STRONGEST]]
        for labels in best
    }
    return LearningCurve(pair, split, log, len(set(molecules)), points, best, _savings(errors, molecules, best, rivals))


def _chosen(group: Iterable[TestedModel]) -> dict[int, TestedModel]:
    """The model that validation chooses, by number of labels, ascending."""
    found = {model.labels: model for model in champions(group).values()}
    return dict(sorted(found.items()))


def _logarithm(group: Sequence[TestedModel]) -> bool:
    """Whether most splits say that models see the logarithm; each has a standard deviation of its own."""
    of_split: dict[str, list[tuple[PartPredictions, float]]] = {}
    for model in group:
        of_split.setdefault(model.split, []).append((model.predictions, model.rmse))
    votes = [sees_logarithm(judged) for judged in of_split.values() if len(judged) > 1]
    return sum(votes) * 2 > len(votes)


def _errors(predictions: PartPredictions, keys: Sequence[tuple[object, ...]], *, log: bool) -> np.ndarray:
    """Errors (N,) as models see them, in the order of the keys, those of `PartPredictions`."""
    seen = np.log10 if log else np.asarray
    row_of = {key: row for row, key in enumerate(predictions.keys)}
    rows = [row_of[key] for key in keys]
    return np.asarray(seen(predictions.predicted[rows]) - seen(predictions.true[rows]))


def _savings(
    errors: Mapping[tuple[str, int], np.ndarray],
    molecules: np.ndarray,
    best: Mapping[int, str],
    rivals: Mapping[int, Sequence[str]],
) -> list[Saving]:
    """What each rival needs for the errors of the champions.

    The interval is of a paired bootstrap: the same molecules are drawn for all errors of the rival and the champion's.
    """
    drawn = {key: [float(rmse(found))] for key, found in errors.items()}  # the data themselves, then resamples
    for rows in resampled(len(molecules), molecules=molecules):
        for key, found in errors.items():
            drawn[key] += rmse(found[rows]).tolist()
    made = []
    for labels, champion in best.items():
        for rival in rivals[labels]:
            measured = [at for method, at in errors if method == rival]
            if rival != champion and len(measured) > 1:
                curve = np.array([drawn[rival, at] for at in measured]).T
                found = labels_needed(np.array(measured, float), curve, np.array(drawn[champion, labels]))
                made.append(Saving(labels, champion, rival, _needed(found, measured)))
    return made


def _needed(found: np.ndarray, measured: Sequence[int]) -> LabelsNeeded:
    """The first number with the ends of the interval of the others; ends are drawn values, since some are infinite."""
    tail = (1 - LEVEL) / 2
    low = np.quantile(found[1:], tail, method="lower")
    high = np.quantile(found[1:], 1 - tail, method="higher")
    return LabelsNeeded(float(found[0]), float(low), float(high), measured[0], measured[-1])
