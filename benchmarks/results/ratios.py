"""Methods against each other over many pairs: means of ratios with their errors, tests, and their correction.

A pair counts once, with the mean of its split seeds, since these share molecules. Pairs of one target share its
molecules too, so errors are of clusters of pairs with the same target, and tests are of targets.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from scipy.stats import t, wilcoxon

LEVEL = 0.95


class Judged(Protocol):
    """What is compared: of `method`, within a `cell`, of which the first part is the pair."""

    @property
    def method(self) -> str: ...
    @property
    def cell(self) -> tuple[Any, ...]: ...


T = TypeVar("T", bound=Judged)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A method over its peer.

    Attributes:
        mean: geometric mean over pairs.
        error: standard error of its logarithm, with pairs of one target as a cluster.
        low: end of its 95 % interval, by Student's t with as many clusters.
        p_value: two-sided, of Wilcoxon's signed-rank test on the mean logarithms of the targets.
        lower: cells in which the method is better.
    """

    mean: float
    error: float
    low: float
    high: float
    p_value: float
    lower: int
    cells: int
    pairs: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f} ({self.lower} of {self.cells})"

    @property
    def change(self) -> str:
        """In per cent with its interval."""
        one, low, high = (f"{100 * (value - 1):+.1f}".replace("-", "−") for value in (self.mean, self.low, self.high))
        return f"{one} % ({low} to {high})" if math.isfinite(self.low) else f"{one} %"


def ratio(rows: Iterable[T], method: str, peer: str, error: Callable[[T], float]) -> Ratio | None:
    """A method's errors over its peer's, in the cells that have both; None where no cell has."""
    found = {(row.method, row.cell): error(row) for row in rows}
    by_pair: dict[str, list[float]] = defaultdict(list)
    for (name, cell), value in found.items():
        if name == method and (peer, cell) in found:
            by_pair[cell[0]].append(math.log(value / found[peer, cell]))
    if not by_pair:
        return None
    logs = [log for of_pair in by_pair.values() for log in of_pair]
    means = {pair: statistics.mean(of_pair) for pair, of_pair in by_pair.items()}
    mean, clusters = statistics.mean(means.values()), _by_target(means)
    spread = _clustered_error(means, mean, clusters)
    reach = t.ppf((1 + LEVEL) / 2, len(clusters) - 1) * spread if len(clusters) > 1 else math.nan
    ends = (math.exp(mean - reach), math.exp(mean + reach))
    p_value = signed_rank([statistics.mean(of_target) for of_target in clusters.values()])
    return Ratio(math.exp(mean), spread, *ends, p_value, sum(log < 0 for log in logs), len(logs), len(means))


def signed_rank(logs: Sequence[float]) -> float:
    """The two-sided p-value of Wilcoxon's test; NaN for a single value, 1 where all are zero."""
    if len(logs) < 2:
        return math.nan
    return float(wilcoxon(logs).pvalue) if any(logs) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction for their number, in their order; NaN stays and is not counted."""
    order = [index for index in np.argsort(p_values, kind="stable") if not math.isnan(p_values[index])]
    found = [math.nan] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(order) - rank)))
        found[index] = largest
    return found


def _by_target(means: Mapping[str, float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for pair, value in means.items():
        found[pair.partition("_from_")[0]].append(value)
    return found


def _clustered_error(means: Mapping[str, float], mean: float, clusters: Mapping[str, Sequence[float]]) -> float:
    """The standard error of a mean; that of independent values where every cluster has one."""
    count = len(clusters)
    if count < 2:
        return math.nan
    squares = sum(sum(value - mean for value in of_target) ** 2 for of_target in clusters.values())
    return math.sqrt(squares * count / (count - 1)) / len(means)
