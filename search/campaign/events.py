"""What happens in a campaign, as events: the truth that everything else is rebuilt from.

A trial's life: `TrialAsked`, one `EpochReported` an epoch, `TrialEnded`. Where its worker died, `AttemptLost` and
another `TrialAsked` with the next attempt come between. A driver that dies writes nothing: a trial asked for and not
ended was interrupted.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from gear.config import to_dict
from gear.recorded import complete
from gear.results import State
from search.plan.purpose import Purpose

__all__ = [
    "AttemptLost",
    "EpochReported",
    "Event",
    "StudyFinished",
    "TrialAsked",
    "TrialEnded",
    "decode",
    "encode",
]


@dataclass(frozen=True, slots=True)
class TrialAsked:
    """A trial was handed out.

    `params` and `distributions` (Optuna's JSON) are what the sampler chose from what; `config` is the whole
    `TrialConfig` with the seed; `checkpoint` is what the attempt goes on from, relative to the campaign folder;
    `origin` is where the configuration came from: `default`, the sampler's name, or `study NAME #NUMBER`.
    `purpose`: part of the search, or one of its trials, number `of`, again with another seed
    (`search.campaign.selection`).
    """

    study: str
    number: int
    attempt: int
    params: dict[str, Any]
    distributions: dict[str, str]
    config: dict[str, Any]
    checkpoint: str | None = None
    origin: str = ""
    purpose: Purpose = "search"
    of: int | None = None


@dataclass(frozen=True, slots=True)
class EpochReported:
    """An epoch of a trial: its metrics, and the newest checkpoint, relative to the campaign folder."""

    study: str
    number: int
    attempt: int
    epoch: int
    metrics: dict[str, Any]
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """The worker of an attempt died; the trial itself goes on, if it has attempts left."""

    study: str
    number: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """The verdict on a trial; `value` is its best validation RMSE, standardised, where it has one."""

    study: str
    number: int
    state: State
    reason: str
    value: float | None
    epochs: int


@dataclass(frozen=True, slots=True)
class StudyFinished:
    """The winner of a study was evaluated on the test part, for the `test_evaluations`-th time in this study.

    `split_hash` and `data_hash` say which test part that was, see `gear.data.PairData`; `trials` which trials' models
    were evaluated together, none for the winner's alone.
    """

    study: str
    winner: int
    validation_rmse: float
    test_evaluations: int
    scores: dict[str, Any] = field(default_factory=dict)
    split_hash: str = ""
    data_hash: str = ""
    trials: list[int] = field(default_factory=list)

    @property
    def numbers(self) -> dict[str, float]:
        """Every number, by its part: `validation_rmse`, which chose the winner, `test_rmse`, `test_mae_low`, ...

        A model's own errors on validation are left out where the winner was chosen by a mean over seeds or folds.
        """
        found = {name: float(value) for name, value in self.scores.items() if isinstance(value, int | float)}
        named = {name if name.startswith("validation_") else f"test_{name}": value for name, value in found.items()}
        own = named.pop("validation_rmse", math.nan)
        if not math.isclose(own, self.validation_rmse, rel_tol=1e-3):
            named = {name: value for name, value in named.items() if not name.startswith("validation_")}
        return {"validation_rmse": self.validation_rmse, **named}


Event = TrialAsked | EpochReported | AttemptLost | TrialEnded | StudyFinished
_TYPES: dict[str, type[Event]] = {
    cls.__name__: cls for cls in (TrialAsked, EpochReported, AttemptLost, TrialEnded, StudyFinished)
}


def encode(event: Event) -> dict[str, Any]:
    """The plain dict of an event, ready for JSON."""
    return {"event": type(event).__name__, **to_dict(event)}


def decode(data: dict[str, Any]) -> Event:
    """The event of `encode`'s dict.

    Raises:
        KeyError, TypeError: not an event, or one that this version does not know.
    """
    event = _TYPES[data["event"]](**{name: value for name, value in data.items() if name != "event"})
    return dataclasses.replace(event, config=complete(event.config)) if isinstance(event, TrialAsked) else event
