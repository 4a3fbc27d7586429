"""What a trial reports: one row an epoch, and one where training raised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["TrialReport"]


@dataclass(frozen=True, slots=True)
class TrialReport:
    """An epoch, or with `epoch` None an error outside of one.

    `status` other than `running` makes it the last. `checkpoint` is the newest, relative to the campaign folder.
    """

    status: Literal["running", "complete", "failed"]
    reason: str = ""
    epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
