"""Which of many trained models to average, and how often each, by what they predict for molecules they did not see.

Greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
models", ICML 2004): begin with the best few models, then add again and again the one with which the mean has the lowest
error. How often a model was taken is its weight. Models are averaged in the property's unit, as an export does it.

The error on the molecules that the models were selected by is too low, so `choose_blend` repeats the selection on parts
of the molecules and judges it on the rest, and the best single model in the same way. All data points of a molecule are
in one of these parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gear.evaluation.uncertainty import rmse, rows_of_molecules
from gear.label_scaler import Scaler

__all__ = ["Blend", "choose_blend", "select"]

ADDED = 20  # models at most after the first few, so a weight is a multiple of about a twentieth
PARTS, REPEATS = 5, 10  # of the cross-validation


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Models to average, with RMSEs standardised by the target's training part.

    Attributes:
        counts: (C,) how often each candidate was taken, zero for most.
        rmse: of their mean on the molecules that they were selected by.
        expected: what selecting in this way reaches on other molecules, by cross-validation.
        single: what taking the best single model reaches there, by the same cross-validation.
    """

    counts: np.ndarray
    rmse: float
    expected: float
    single: float

    @property
    def better(self) -> bool:
        """Whether it can be expected to have a lower error than the best single model."""
        return self.expected < self.single


def choose_blend(
    predictions: np.ndarray, truth: np.ndarray, scaler: Scaler, seed: int = 0, molecules: np.ndarray | None = None
) -> Blend:
    """Select models, and estimate what that is worth.

    Args:
        predictions: (C, N) of C candidates, in the property's unit, finite.
        truth: (N,) in the unit, of at least two molecules.
        scaler: of the target's training part.
        seed: of the parts of the cross-validation.
        molecules: (N,) which molecule each value is of, where some have several.
    """
    counts = select(predictions, truth, scaler)
    blended, alone = np.empty((REPEATS, len(truth))), np.empty((REPEATS, len(truth)))
    for repeat, (kept, out) in _parts(rows_of_molecules(len(truth), molecules), seed):
        chosen = select(predictions[:, kept], truth[kept], scaler)
        best = rmse(_errors(predictions[:, kept], truth[kept], scaler)).argmin()
        blended[repeat, out] = _errors(_mean(predictions[:, out], chosen), truth[out], scaler)
        alone[repeat, out] = _errors(predictions[best, out], truth[out], scaler)
    own = rmse(_errors(_mean(predictions, counts), truth, scaler))
    return Blend(counts, float(own), float(rmse(blended.ravel())), float(rmse(alone.ravel())))


def select(predictions: np.ndarray, truth: np.ndarray, scaler: Scaler) -> np.ndarray:
    """How often each of C models is taken (C,), so that the error of the mean is never above that of the best one.

    Args:
        predictions: (C, N) in the property's unit, finite.
        truth: (N,) in the unit.
        scaler: of the target's training part.
    """
    order = rmse(_errors(predictions, truth, scaler)).argsort(kind="stable")
    firsts = np.cumsum(predictions[order], axis=0) / np.arange(1, len(order) + 1)[:, None]
    of_firsts = rmse(_errors(firsts, truth, scaler))
    few = int(of_firsts.argmin()) + 1
    counts = np.zeros(len(order), np.int64)
    counts[order[:few]] = 1
    best, lowest = counts.copy(), float(of_firsts[few - 1])
    total = predictions[order[:few]].sum(axis=0)
    for taken in range(few + 1, few + ADDED + 1):
        errors = rmse(_errors((total + predictions) / taken, truth, scaler))
        added = int(errors.argmin())
        counts[added] += 1
        total = total + predictions[added]
        if errors[added] < lowest:
            best, lowest = counts.copy(), float(errors[added])
    return np.asarray(best // np.gcd.reduce(best))


def _mean(predictions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts @ predictions / counts.sum())


def _errors(predictions: np.ndarray, truth: np.ndarray, scaler: Scaler) -> np.ndarray:
    """Standardised, (..., N)."""
    return np.asarray(scaler.standardise(predictions) - scaler.standardise(truth))


def _parts(rows: Sequence[np.ndarray], seed: int) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """For each repeat of the cross-validation and each part: the rows to select by, and those to judge by.

    `rows` are those of each molecule, which stay together.
    """
    generator = np.random.default_rng(seed)
    for repeat in range(REPEATS):
        shuffled = generator.permutation(len(rows))
        for part in np.array_split(shuffled, min(PARTS, len(rows))):
            out = np.concatenate([rows[molecule] for molecule in part])
            yield repeat, (np.setdiff1d(np.concatenate(rows), out), out)
