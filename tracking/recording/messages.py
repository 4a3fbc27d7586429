"""What is told of a campaign, in the order it happened. Telling a record again changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gear.results import State

__all__ = ["Record", "Scalar", "Step", "StudyResult", "StudyStarted", "TrialResult", "TrialStarted"]

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class StudyStarted:
    """A study, before its first trial.

    `tags` (its pair, its hashes of split and data, ...) go to every run of the study, `params` and `files` (text by
    name) to its own. `budget` may grow when it is told again, and a file may change.
    """

    name: str
    budget: int
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial, with its whole configuration as params."""

    study: str
    number: int
    params: Mapping[str, Scalar] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """Metrics of a trial's epoch; with `number` None, of a study after its `step`-th trial to end."""

    study: str
    number: int | None
    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The verdict on a trial, with its reason and what else is to be told as tags."""

    study: str
    number: int
    state: State
    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study has come to its end: its winner was evaluated on the test part, `tests` times by now; or it has none.

    It may go on after that, and end again with as many tests as before.
    """

    study: str
    tests: int
    state: Literal["complete", "failed"] = "complete"
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


Record = StudyStarted | TrialStarted | Step | TrialResult | StudyResult
