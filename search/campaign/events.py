"""What happens in a campaign, as events. Everything else is rebuilt from them.

A trial is one `TrialAsked`, an `EpochReported` for each epoch, and one `TrialEnded`. If its worker dies, an
`AttemptLost` and another `TrialAsked` with the next attempt come between. A driver that dies writes nothing: a trial
that was asked for and has not ended was interrupted.
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

    `params` are the values that the sampler chose, `distributions` the dimensions that it chose from, in Optuna's JSON.
    `config` is the whole `TrialConfig` with the seed. The attempt begins from `checkpoint`, relative to the campaign
    folder. `origin` is where the configuration came from: `default`, the name or import path of a sampler, or
    `study NAME #NUMBER`. `purpose` is `search`, or why trial number `of` is trained again with another seed, see
    `search.campaign.selection`.
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
    """The worker of an attempt died. The trial goes on if it has attempts left."""

    study: str
    number: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial ended. `value` is its best validation RMSE, standardised, or None without a finite one."""

    study: str
    number: int
    state: State
    reason: str
    value: float | None
    epochs: int


@dataclass(frozen=True, slots=True)
class StudyFinished:
    """The winner of a study was evaluated on the test part, for the `test_evaluations`-th time in this study.

    `split_hash` and `data_hash` identify the test part, see `gear.data.PairData`. `trials` are the numbers of the
    trials whose models were evaluated together; it is empty if only the winner's model was.
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
