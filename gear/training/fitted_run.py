"""The run of a method that is fitted at once: one epoch, with the interface of `gear.training.loop.TrainingRun`."""

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from gear.config import TrialConfig
from gear.data.fewer import FITTED_MOST, for_fitted
from gear.data.pairs import PairData
from gear.device import peak_memory_mb, pick_device
from gear.methods import build_method
from gear.methods.fitted import FittedMethod
from gear.results import EpochResult
from gear.training.batching import TrainingData
from gear.training.checkpoint import load_module, module_tensors, read_state, restoring, write_state
from gear.training.validation import predict_rows, validation_losses

__all__ = ["FittedRun"]


class FittedRun:
    """One configuration on one pair, fitted in its only epoch; can be saved after it and restored.

    Args:
        config: of the trial.
        pair: its data.
        device: of the predictions; `auto` uses a GPU if there is one.

    Raises:
        UnknownNameError, InputDataError: the configuration cannot be built.
    """

    def __init__(self, config: TrialConfig, pair: PairData, device: str = "auto") -> None:
        self.config = config
        self.device = pick_device(device)
        model = build_method(config, len(pair.sources), len(pair.features))
        assert isinstance(model, FittedMethod), f"{config.method} is trained step by step"
        self.model = model.to(self.device).eval()
        self.cut = _cut(pair)
        self.data = TrainingData(for_fitted(pair), self.model.embedding_kinds, self.device)
        self.last: EpochResult | None = None

    @property
    def best(self) -> dict[str, Tensor]:
        """The state of the model by name."""
        return module_tensors(self.model, "")

    def epochs(self) -> Iterator[EpochResult]:
        """Fit and yield the only result; a run that was restored yields it again."""
        if self.last is None:
            started = time.perf_counter()
            batch = self.data.batch(self.data.learnt_rows(with_sources=self.model.learns_from_sources))
            self.model.fit(batch, self.config.seed)
            self.last = self._result(len(batch.labels), started)
        yield self.last

    def _result(self, molecules: int, started: float) -> EpochResult:
        speed = molecules / (time.perf_counter() - started)
        losses = validation_losses(self.model, self.data)
        rmse = math.sqrt(losses["target"])
        known = self.data.train_rows[0]
        error = predict_rows(self.model, self.data, known) - self.data.labels[known.to(self.device), 0]
        return EpochResult(
            epoch=1,
            validation_rmse=rmse,
            best_validation_rmse=rmse,
            best_epoch=1,
            train_loss={"reg": float(error.square().mean())},
            validation_loss=losses,
            seconds=time.perf_counter() - started,
            molecules_per_second=speed,
            failed_metric_share=0.0,
            skipped_steps=0,
            peak_memory_mb=peak_memory_mb(self.device),
            geometry=self._described(),
            status="complete" if math.isfinite(rmse) else "failed",
            reason="fitted at once" if math.isfinite(rmse) else "validation RMSE is not finite",
            notes=(*self.model.notes, *(self.cut + self.data.notes if self.model.sees_sources else ())),
        )

    def _described(self) -> dict[str, float]:
        return self.model.describe(self.data.store.batch(self.data.validation[0].rows))

    def save(self, folder: Path, *, durable: bool = True) -> None:
        """Write the state of the run atomically, in the form of a `TrainingRun`'s best weights."""
        last = None if self.last is None else dataclasses.asdict(self.last)
        write_state(folder, module_tensors(self.model, "best."), {"last": last}, durable=durable)

    def restore(self, folder: Path) -> None:
        """Load the state that `save` wrote.

        Raises:
            CheckpointError: no whole checkpoint there; the state of this run is then undefined.
            StorageError: it cannot be read.
        """
        with restoring(folder):
            tensors, state = read_state(folder)
            load_module(self.model, tensors, "best.")
            last = state["last"]
            self.last = None if last is None else EpochResult(**last | {"notes": tuple(last["notes"])})


def _cut(pair: PairData) -> tuple[str, ...]:
    """A sentence for each source that is too large to be read whole."""
    return tuple(
        f"{source.property} is learnt from {FITTED_MOST:,} of its {len(source.train.rows):,} molecules, drawn by the "
        "seed of the split"
        for source in pair.sources
        if len(source.train.rows) > FITTED_MOST
    )
