"""The records that a campaign sends to MLflow, in the order of its events. Sending one again changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gear.results import State

__all__ = ["Record", "ResultsThatHold", "Scalar", "Step", "StudyResult", "StudyStarted", "TrialResult", "TrialStarted"]

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class StudyStarted:
    """A study, before its first trial.

    `tags` (its pair, its hashes of split and data, ...) go to every run of the study, `params` and `files` (text by
    name) to its own run. When the record is sent again, `budget` may have grown and a file may have changed.
    """

    name: str
    budget: int
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial, with its complete configuration as params."""

    study: str
    number: int
    params: Mapping[str, Scalar] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """Metrics of an epoch of a trial; with `number` None, of a study after `step` of its trials have ended."""

    study: str
    number: int | None
    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended and why, with further facts as tags."""

    study: str
    number: int
    state: State
    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyResult:
    """The end of a study: its winner was evaluated on the test part, `tests` times so far, or no trial completed.

    A study that is extended goes on after its end, and may end again with as many tests as before. A result without
    trials, such as a blend, that does not hold any more is superseded.

    Attributes:
        revision: how many results with as many tests and other numbers were recorded before it.
        derived: whether it is made of the results of others: its numbers may change with as many tests, or fewer.
    """

    study: str
    tests: int
    state: Literal["complete", "failed", "superseded"] = "complete"
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    revision: int = 0
    derived: bool = False


@dataclass(frozen=True, slots=True)
class ResultsThatHold:
    """The names of the results without trials that hold now; others of the campaign are superseded."""

    names: frozenset[str]


Record = StudyStarted | TrialStarted | Step | TrialResult | StudyResult | ResultsThatHold
