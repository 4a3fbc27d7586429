"""How the settings of a study's trials are related to the trials' values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tracking.report.campaigns import StudyRecord, TrialRecord

__all__ = ["FEWEST", "Setting", "chance_level", "relative_values", "running_median", "varied"]

FEWEST = 6  # trials from which importance is computed
FEWEST_FOR_LINE = 20  # points from which a running median is drawn
NOT_SETTINGS = ("seed", "method")
LOG_SPAN = 8.0  # ratio of largest to smallest value, above which a setting is drawn on a logarithmic axis


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A setting that differs between trials.

    Attributes:
        name: path in the configuration, `weights.curv`.
        values: of the trials, numbers or words.
        weight: its importance for the value: as the search recorded it (`recorded`), or else the absolute rank
            correlation with the value; for words, the correlation ratio of the ranks.
        recorded: which of the two.
        direction: rank correlation with the RMSE, positive where larger is worse; 0 for words.
    """

    name: str
    values: tuple[float, ...] | tuple[str, ...]
    weight: float
    recorded: bool
    direction: float

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return not isinstance(self.values[0], str)

    @property
    def words(self) -> list[str]:
        """Its values that are words, each once, in order."""
        return sorted({value for value in self.values if isinstance(value, str)})

    @property
    def log(self) -> bool:
        """Whether its values are best seen on a logarithmic axis."""
        numbers = [value for value in self.values if not isinstance(value, str)]
        return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > LOG_SPAN


def varied(study: StudyRecord) -> list[Setting]:
    """The settings that differ between the trials of a study that ran, most important first."""
    trials = [trial for trial in study.trials if trial.ran]
    if len(trials) < FEWEST:
        return []
    values = [trial.value or 0.0 for trial in trials]
    names = [n for n in trials[0].params if n not in NOT_SETTINGS and all(n in trial.params for trial in trials)]
    found = []
    for name in names:
        texts = [trial.params[name] for trial in trials]
        if len(set(texts)) > 1:
            found.append(_setting(name, texts, values, study.importance))
    return sorted(found, key=lambda setting: -setting.weight)


def chance_level(study: StudyRecord) -> float:
    """The rank correlation that a setting without effect exceeds with a probability of 5 %."""
    return 1.96 / math.sqrt(sum(trial.ran for trial in study.trials) - 1)


def relative_values(trials: Sequence[TrialRecord]) -> list[float]:
    """Values of trials that ran, divided by the median of their study, so that studies can be shown together."""
    values = [trial.value or 0.0 for trial in trials]
    middle = float(np.median(values)) if values else 1.0
    return [value / middle for value in values]


def running_median(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """Medians of x and y in a window of a third of the points that slides along x; empty for few points."""
    if len(x) < FEWEST_FOR_LINE:
        return []
    order = np.argsort(x, kind="stable")
    xs, ys = np.asarray(x, float)[order], np.asarray(y, float)[order]
    width = len(xs) // 3
    starts = np.unique(np.linspace(0, len(xs) - width, 12).astype(int))
    return [(float(np.median(xs[s : s + width])), float(np.median(ys[s : s + width]))) for s in starts]


def _setting(name: str, texts: Sequence[str], values: Sequence[float], recorded: dict[str, float]) -> Setting:
    numbers = [_number(text) for text in texts]
    known = recorded.get(name)
    ranks = pd.Series(values).rank()
    if all(number is not None for number in numbers):
        floats = tuple(float(number) for number in numbers if number is not None)
        direction = float(np.nan_to_num(np.corrcoef(pd.Series(floats).rank(), ranks)[0, 1]))
        return Setting(name, floats, abs(direction) if known is None else known, known is not None, direction)
    return Setting(
        name, tuple(texts), _correlation_ratio(texts, ranks) if known is None else known, known is not None, 0.0
    )


def _correlation_ratio(groups: Sequence[str], ranks: pd.Series) -> float:
    """Square root of the share of the ranks' variance between groups, which is comparable with a correlation."""
    total = float(((ranks - ranks.mean()) ** 2).sum())
    between = sum(len(part) * (part.mean() - ranks.mean()) ** 2 for _, part in ranks.groupby(list(groups)))
    return math.sqrt(float(between) / total) if total else 0.0


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
