"""What happens in a campaign, as events. Everything else is rebuilt from them.

A trial is one `TrialAsked`, an `EpochReported` for each epoch, and one `TrialEnded`. If its worker dies, an
`AttemptLost` and another `TrialAsked` with the next attempt come between. A driver that dies writes nothing: a trial
that was asked for and has not ended was interrupted.

After the search come one `StudyFinished` for the winner of each study, and one `BlendFinished` for each blend, each
after an `EvaluationBegun`. Where fresh seeds change only the validation error of one later, it is recorded again with
the same number of tests. Every launch begins with a `Launched`. Before them is a `CheckpointLost` for each trial that
would be among these if its models could be read.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from gear.parsing import to_dict
from gear.recorded import complete
from gear.results import State
from search.plan.campaign_plan import blend_name
from search.plan.purpose import Purpose

__all__ = [
    "AttemptLost",
    "BlendFinished",
    "BlendMember",
    "CheckpointLost",
    "EpochReported",
    "EvaluationBegun",
    "Event",
    "Launched",
    "StudyFinished",
    "TrialAsked",
    "TrialEnded",
    "decode",
    "encode",
]


@dataclass(frozen=True, slots=True)
class Launched:
    """A driver began or resumed the campaign at time `at`, with these versions of packages and of this program.

    They are those of every attempt until the next launch. Campaigns of formats 2 to 4 have the versions of their first
    launch in campaign.json.
    """

    at: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class TrialAsked:
    """A trial was handed out.

    `params` are the values that the sampler chose, `distributions` the dimensions that it chose from, in Optuna's JSON.
    `config` is the whole `TrialConfig` with the seed. The attempt begins from `checkpoint`, relative to the campaign
    folder. `origin` is where the configuration came from: `default`, the name or import path of a sampler, or
    `study NAME #NUMBER`. `purpose` is `search`, or why trial number `of` is trained again with another seed, see
    `search.campaign.selection`. `array` is the number of the trial that decided what the proposals of an array have in
    common, see `search.campaign.arrays`; of that trial itself it is None, as where there is no array.
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
    array: int | None = None


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
class EvaluationBegun:
    """The winner of a study, or a blend, is about to be evaluated on the test part; `name` is that of either.

    It is recorded before anything is evaluated, so an evaluation counts also where its result was lost.
    """

    name: str


@dataclass(frozen=True, slots=True)
class CheckpointLost:
    """The checkpoint of an ended trial cannot be read, for this reason: its models are not to be had any more.

    It is recorded where other trials can take the place of the trial, which then wins nothing and is in no ensemble.
    """

    study: str
    number: int
    reason: str


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
        named = _named(self.scores)
        own = named.pop("validation_rmse", math.nan)
        if not math.isclose(own, self.validation_rmse, rel_tol=1e-3):
            named = {name: value for name, value in named.items() if not name.startswith("validation_")}
        return {"validation_rmse": self.validation_rmse, **named}


@dataclass(frozen=True, slots=True)
class BlendMember:
    """A trial in a blend, and how often it was taken."""

    study: str
    number: int
    count: int


@dataclass(frozen=True, slots=True)
class BlendFinished:
    """The members of a blend were chosen among `candidates`, numbers of trials by study, and tested together.

    Of a single member there is nothing to test: then `scores` is empty, and no blend takes part. RMSEs are standardised
    by the target's training part and on molecules that the models were not trained on: `selected_rmse` on those that
    the members were chosen by, `expected_rmse` and `single_rmse` by cross-validation for the blend and for the best
    single trial. `validation_rmse`, by which the blend is ranked among the winners of studies, is the lowest of theirs
    times the ratio of the latter two. `test_evaluations` counts the tests of this pair and split's blends.
    """

    pair: str
    split: str
    members: list[BlendMember]
    candidates: dict[str, list[int]]
    selected_rmse: float
    expected_rmse: float
    single_rmse: float
    validation_rmse: float
    test_evaluations: int = 0
    scores: dict[str, Any] = field(default_factory=dict)
    split_hash: str = ""
    data_hash: str = ""

    @property
    def name(self) -> str:
        """The blend's name."""
        return blend_name(self.pair, self.split)

    @property
    def better(self) -> bool:
        """Whether the blend can be expected to have a lower error than the best single trial."""
        return self.expected_rmse < self.single_rmse

    @property
    def numbers(self) -> dict[str, float]:
        """Every number, by its part: `validation_rmse`, `test_rmse`, `test_mae_low`, ..."""
        chosen = {name: getattr(self, name) for name in ("selected_rmse", "expected_rmse", "single_rmse")}
        return {"validation_rmse": self.validation_rmse, **chosen, **_named(self.scores)}


Event = (
    Launched
    | TrialAsked
    | EpochReported
    | AttemptLost
    | TrialEnded
    | CheckpointLost
    | EvaluationBegun
    | StudyFinished
    | BlendFinished
)
_TYPES: dict[str, type[Event]] = {cls.__name__: cls for cls in get_args(Event)}


def encode(event: Event) -> dict[str, Any]:
    """The plain dict of an event, ready for JSON."""
    return {"event": type(event).__name__, **to_dict(event)}


def decode(data: dict[str, Any]) -> Event:
    """The event of `encode`'s dict.

    Raises:
        KeyError, TypeError: not an event, or one that this version does not know.
    """
    event = _TYPES[data["event"]](**{name: value for name, value in data.items() if name != "event"})
    match event:
        case TrialAsked():
            return dataclasses.replace(event, config=complete(event.config))
        case BlendFinished():
            return dataclasses.replace(event, members=[BlendMember(**member) for member in data["members"]])
    return event


def _named(scores: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among scores by their part; those without one are of the test."""
    found = {name: float(value) for name, value in scores.items() if isinstance(value, int | float)}
    return {name if name.startswith("validation_") else f"test_{name}": value for name, value in found.items()}
