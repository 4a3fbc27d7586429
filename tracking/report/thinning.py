"""Which trials of a large study the charts show that draw a line for each trial.

A chart shows at most 200 trials, and all such charts of a report together some thousands. Of a study with more, those
are shown: the winner, and others at even distances in the order of their validation RMSE, the best and the last one
included. Trials without a value are the last of that order.
"""

import math
from collections.abc import Sequence

from tracking.report.campaigns import TrialRecord

__all__ = ["room", "shown_of", "thinned"]

MOST, FEWEST, IN_ALL = 200, 20, 8000  # trials: maximum of a chart, what it may show in any case, of all charts together


def room(studies: int) -> int:
    """How many trials a chart shows in a report on so many studies."""
    return max(FEWEST, min(MOST, IN_ALL // max(studies, 1)))


def thinned(trials: Sequence[TrialRecord], winner: TrialRecord | None, most: int) -> list[TrialRecord]:
    """At most so many of some trials, in their order, chosen as this module says."""
    if len(trials) <= most:
        return list(trials)
    order = sorted(trials, key=lambda trial: (math.inf if trial.value is None else trial.value, trial.number))
    chosen = {order[round(place * (len(order) - 1) / (most - 1))].number for place in range(most)}
    if winner is not None and winner.number not in chosen and any(t.number == winner.number for t in trials):
        chosen ^= {order[-1].number, winner.number}
    return [trial for trial in trials if trial.number in chosen]


def shown_of(shown: int, there: int) -> str:
    """How many of the trials a chart shows, in words; empty where it shows all of them."""
    if shown >= there:
        return ""
    return f", {shown} of {there:,} trials: the winner, and others evenly by validation RMSE"
