"""What a trial reports: a row for each epoch, and one if training raised an error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["TrialReport"]


@dataclass(frozen=True, slots=True)
class TrialReport:
    """An epoch, or, if `epoch` is None, an error outside of an epoch.

    A `status` other than `running` says that it is the last row. `checkpoint` is the newest checkpoint, relative to
    the campaign folder. `note` is a line for the user, of the first epoch of an attempt.
    """

    status: Literal["running", "complete", "failed"]
    reason: str = ""
    epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    note: str = ""
