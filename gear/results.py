"""What a training run reports of an epoch, and how a trial ends. Does not import torch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

__all__ = ["OBJECTIVE", "STATES", "EpochResult", "State"]

OBJECTIVE = "best_validation_rmse"  # the metric of an epoch that a search minimises
State = Literal["complete", "pruned", "failed"]  # how a trial ended; only a search prunes
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class EpochResult:
    """The result of one epoch. RMSEs are those of the target's validation part, standardised by its training part.

    `geometry` describes the latent spaces on validation molecules (`Method.describe`): means and spread of the
    curvature, its correlation between the branches, the effective number of latent dimensions.
    """

    epoch: int
    validation_rmse: float
    best_validation_rmse: float
    best_epoch: int
    train_loss: dict[str, float]
    validation_loss: dict[str, float]
    seconds: float
    molecules_per_second: float
    failed_metric_share: float
    skipped_steps: int
    peak_memory_mb: float
    geometry: dict[str, float] = field(default_factory=dict)
    status: Literal["running", "complete", "failed"] = "running"
    reason: str = ""
    notes: tuple[str, ...] = field(default=())

    def metrics(self) -> dict[str, float]:
        """All numbers in one flat dict: `validation_rmse`, `train/reg`, ..."""
        flat = {
            name: float(value)
            for name, value in ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
            if isinstance(value, int | float) and name != "epoch"
        }
        groups = {"train": self.train_loss, "validation": self.validation_loss, "geometry": self.geometry}
        for group, values in groups.items():
            flat |= {f"{group}/{name}": value for name, value in values.items()}
        return flat

    @classmethod
    def from_metrics(cls, epoch: int, metrics: Mapping[str, float]) -> "EpochResult":
        """The inverse of `metrics`, which does not hold status, reason and notes."""
        groups: dict[str, dict[str, float]] = {"train": {}, "validation": {}, "geometry": {}}
        plain: dict[str, Any] = {}
        for name, value in metrics.items():
            group, found, term = name.partition("/")
            if found:
                groups[group][term] = value
            else:
                plain[name] = int(value) if name in ("best_epoch", "skipped_steps") else value
        return cls(
            epoch=epoch,
            train_loss=groups["train"],
            validation_loss=groups["validation"],
            geometry=groups["geometry"],
            **plain,
        )
