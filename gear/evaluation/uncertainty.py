"""The uncertainty of a score over a few hundred molecules: bootstrap over molecules, spread of an ensemble."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "LEVEL",
    "Comparison",
    "Interval",
    "Statistic",
    "difference",
    "interval",
    "mae",
    "resampled",
    "rmse",
    "rows_of_molecules",
    "spread",
]

LEVEL = 0.95  # of every interval
BLOCK = 2**22  # errors drawn at once, so that memory stays bounded

Statistic = Callable[[np.ndarray], np.ndarray]  # of the last axis


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """RMSE of one model over that of another on the same molecules, and the two-sided p-value of their being equal."""

    ratio: Interval
    p_value: float


def rmse(errors: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis."""
    return np.asarray(np.sqrt(np.square(errors).mean(axis=-1)))


def mae(errors: np.ndarray) -> np.ndarray:
    """Mean absolute value over the last axis."""
    return np.asarray(np.abs(errors).mean(axis=-1))


def spread(predictions: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Standard deviation (N,) over the members' predictions (K, N) of an ensemble; NaN for one member.

    With weights (K,) that sum to 1 it is the root of `sum(w (x - mean)^2) / (1 - sum(w^2))`, with the weighted mean;
    for equal weights that is the sample standard deviation, whose divisor is K - 1.
    """
    if len(predictions) == 1:
        return np.full(predictions.shape[1], np.nan)
    shares = np.full(len(predictions), 1 / len(predictions)) if weights is None else weights
    squares = shares @ np.square(predictions - shares @ predictions)
    return np.asarray(np.sqrt(squares / (1 - np.square(shares).sum())))


def interval(
    errors: np.ndarray, statistic: Statistic, seed: int = 0, resamples: int = 2000, molecules: np.ndarray | None = None
) -> Interval:
    """The percentile bootstrap interval of a statistic of errors (N,), N at least 1; molecules are resampled.

    Args:
        errors: one for each molecule, or several.
        statistic: of the errors.
        seed: of the draws.
        resamples: how many draws.
        molecules: (N,) which molecule each error is of, where some have several; they are drawn together.
    """
    drawn = np.concatenate([statistic(errors[rows]) for rows in resampled(len(errors), seed, resamples, molecules)])
    return Interval(float(statistic(errors)), *_ends(drawn))


def difference(
    errors_a: np.ndarray,
    errors_b: np.ndarray,
    seed: int = 0,
    resamples: int = 2000,
    molecules: np.ndarray | None = None,
) -> Comparison:
    """The paired bootstrap of two models: the errors (N,) of both on the same molecules, in one order.

    `molecules` (N,) says which molecule each error is of, where some have several.

    Each resample contains the same molecules for both models, so molecules that are hard for both do not widen the
    interval. The p-value is twice the share of resamples on the less frequent side of 1, counting the data themselves
    as one resample, so it is never zero.
    """
    draws = resampled(len(errors_a), seed, resamples, molecules)
    drawn = np.concatenate([rmse(errors_a[rows]) / rmse(errors_b[rows]) for rows in draws])
    beyond = min(int((drawn <= 1).sum()), int((drawn >= 1).sum()))
    p_value = min(1.0, 2 * (beyond + 1) / (resamples + 1))
    return Comparison(Interval(float(rmse(errors_a) / rmse(errors_b)), *_ends(drawn)), p_value)


def resampled(
    count: int, seed: int = 0, resamples: int = 2000, molecules: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Blocks (K, N) of the numbers of `count` rows, drawn with replacement; `resamples` draws in all.

    Where `molecules` (N,) says that some have several rows, molecules are drawn, each with all of its rows.
    """
    generator = np.random.default_rng(seed)
    rows = rows_of_molecules(count, molecules)
    if len(rows) < count:
        for _ in range(resamples):  # draws differ in length, so a block holds only one
            yield np.concatenate([rows[drawn] for drawn in generator.integers(len(rows), size=len(rows))])[None]
        return
    block = max(1, BLOCK // count)
    for start in range(0, resamples, block):
        yield generator.integers(count, size=(min(block, resamples - start), count))


def rows_of_molecules(count: int, molecules: np.ndarray | None) -> Sequence[np.ndarray]:
    """The numbers of `count` rows, an array for each molecule; (N,) `molecules` says which molecule each row is of.

    Without it, or where no molecule has several rows, the rows are in their order, one in each array.
    """
    if molecules is None or len(set(molecules)) == count:
        return list(np.arange(count)[:, None])
    numbers = np.unique(molecules.astype(str), return_inverse=True)[1]
    return np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))[:-1])


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
