"""The training loop, one for every method: `fit` yields one `EpochResult` an epoch.

All randomness of an epoch is a function of (seed, epoch), so a run continued from a checkpoint gives the same numbers
as one that was never interrupted, on the same device with the same number of threads.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gear.averaging import WeightAverage
from gear.batching import TrainingData, epoch_batches
from gear.checkpoint import load_module, module_tensors, read_state, write_state
from gear.config import TrialConfig
from gear.data.pairs import PairData
from gear.device import peak_memory_mb, pick_device
from gear.errors import InputDataError
from gear.methods import Method, build_method
from gear.results import EpochResult

__all__ = ["EpochResult", "TrainingRun", "fit", "predict_rows"]

FINAL_RATE = 0.1  # of the learning rate at the end of the cosine
DESCRIBED = 64  # validation molecules at which the latent spaces are described
MAX_SKIPPED_SHARE = 0.5  # of an epoch's steps; more non-finite steps than that, and the trial has diverged


@dataclass(slots=True)
class _Tally:
    """Sums over the steps of an epoch, kept as tensors so that no step waits for a number."""

    losses: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # a term need not be evaluated at every step
    failed: Tensor | float = 0.0
    steps: int = 0
    skipped: int = 0
    molecules: int = 0

    def add(self, terms: dict[str, Tensor], total: Tensor, failed: Tensor) -> None:
        for name, term in {**terms, "total": total}.items():
            self.losses[name] = self.losses.get(name, 0.0) + term.detach()
            self.counts[name] = self.counts.get(name, 0) + 1
        if "curv" in terms:
            self.failed = self.failed + failed

    def means(self) -> dict[str, float]:
        return {name: float(total) / self.counts[name] for name, total in self.losses.items()}

    @property
    def failed_share(self) -> float:
        return float(self.failed) / max(self.counts.get("curv", 0), 1)


class TrainingRun:
    """One configuration on one pair, trained epoch by epoch; can be saved after any epoch and restored.

    Args:
        config: of the trial.
        pair: its data.
        device: `auto` takes a GPU where there is one.

    Raises:
        UnknownNameError, InputDataError: the configuration cannot be built.
    """

    def __init__(self, config: TrialConfig, pair: PairData, device: str = "auto") -> None:
        self.config = config
        self.device = pick_device(device)
        self.data = TrainingData(pair, self.device)
        torch.manual_seed(config.seed)
        self.model: Method = build_method(config).to(self.device)
        self.average = WeightAverage(self.model, config.training.ema)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), config.training.learning_rate, weight_decay=config.training.weight_decay
        )
        self.epoch = 0
        self.last: EpochResult | None = None
        self.best_rmse, self.best_epoch = math.inf, 0
        self.best: dict[str, Tensor] = module_tensors(self.average.model, "")
        if config.training.warm_start_epochs and not self.model.uses_source:
            raise InputDataError(f"method {config.method} has no source: training.warm_start_epochs must be 0")

    def epochs(self) -> Iterator[EpochResult]:
        """Train on from the last finished epoch; the row whose status is not `running` is the last.

        A run restored after its last epoch yields that row again.
        """
        if self.last is not None and self.last.status != "running":
            yield self.last
        while self.last is None or self.last.status == "running":
            started = time.perf_counter()
            if self.epoch == 0 and self.config.training.warm_start_epochs:
                self._warm_start()
            self.epoch += 1
            tally = self._train_epoch(self._generator(self.epoch))
            trained = time.perf_counter()
            self.last = self._result(tally, trained - started, started)
            yield self.last

    def _generator(self, *key: int) -> torch.Generator:
        """Randomness of an epoch; dropout draws from the device's global generator, seeded alike."""
        seed = int(np.random.SeedSequence([self.config.seed % 2**63, *key]).generate_state(1)[0])
        torch.manual_seed(seed)
        return torch.Generator().manual_seed(seed)

    def _train_epoch(self, generator: torch.Generator) -> _Tally:
        tally = _Tally()
        source = self.data.source_rows if self.model.uses_source else None
        batches = list(epoch_batches(self.data.target_rows, source, self.config.training.batch_size, generator))
        self.model.train()
        for index, rows in enumerate(batches):
            self._set_rate((self.epoch - 1 + index / len(batches)) / self.config.training.epochs)
            step = (self.epoch - 1) * len(batches) + index
            found = self.model.loss_terms(self.data.batch(rows), step, generator)
            total = self.model.total(found.terms)
            tally.steps += 1
            tally.molecules += len(rows)
            if self._step(total):
                tally.add(found.terms, total, found.failed_share)
            else:
                tally.skipped += 1
        return tally

    def _step(self, total: Tensor) -> bool:
        """One optimiser step; a step whose gradient is not finite is left out."""
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.training.clip)
        if not norm.isfinite():
            return False
        self.optimizer.step()
        self.average.update(self.model)
        return True

    def _set_rate(self, progress: float) -> None:
        cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
        rate = self.config.training.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _warm_start(self) -> None:
        """Train the source alone at the full rate, then give the target what it has learnt."""
        self.model.train()
        for epoch in range(self.config.training.warm_start_epochs):
            generator = self._generator(0, epoch)
            source = self.data.source_rows
            for rows in epoch_batches(source, None, 2 * self.config.training.batch_size, generator):
                self._set_rate(0.0)
                self._step(self.model.total(self.model.warm_start_terms(self.data.batch(rows))))
        self.model.finish_warm_start()
        # the joint training starts afresh: no momentum, no memory of the random target
        self.average = WeightAverage(self.model, self.config.training.ema)
        self.optimizer.state.clear()

    def _result(self, tally: _Tally, training_seconds: float, started: float) -> EpochResult:
        losses = self._validate()
        rmse = math.sqrt(losses["target"])
        if rmse < self.best_rmse:
            self.best_rmse, self.best_epoch = rmse, self.epoch
            self.best = {name: t.clone() for name, t in module_tensors(self.average.model, "").items()}
        status, reason = self._status(tally, rmse)
        return EpochResult(
            epoch=self.epoch,
            validation_rmse=rmse,
            best_validation_rmse=self.best_rmse,
            best_epoch=self.best_epoch,
            train_loss=tally.means(),
            validation_loss=losses,
            seconds=time.perf_counter() - started,
            molecules_per_second=tally.molecules / training_seconds,
            failed_metric_share=tally.failed_share,
            skipped_steps=tally.skipped,
            peak_memory_mb=peak_memory_mb(self.device),
            geometry=self._describe(),
            status=status,
            reason=reason,
            notes=self.model.notes,
        )

    def _validate(self) -> dict[str, float]:
        """MSE of the averaged model on each task's validation part, standardised."""
        model, losses = self.average.model, {}
        tasks = {"target": self.data.target_validation}
        if self.model.uses_source:
            tasks["source"] = self.data.source_validation
        for task, (rows, truth) in tasks.items():
            predicted = predict_rows(model, self.data, rows, source=task == "source")
            losses[task] = float(((predicted - truth) ** 2).mean())
        return losses

    def _describe(self) -> dict[str, float]:
        rows = self.data.target_validation[0][:DESCRIBED].to(self.device)
        return self.average.model.describe(self.data.store.batch(rows))

    def _status(self, tally: _Tally, rmse: float) -> tuple[Literal["running", "complete", "failed"], str]:
        training = self.config.training
        if tally.skipped > MAX_SKIPPED_SHARE * tally.steps:
            return "failed", f"diverged: gradient not finite in {tally.skipped} of {tally.steps} steps"
        if not math.isfinite(rmse):
            return "failed", "diverged: validation RMSE is not finite"
        if self.epoch >= training.epochs:
            return "complete", "last epoch"
        if training.patience and self.epoch - self.best_epoch >= training.patience:
            return "complete", "early stopping"
        return "running", ""

    def save(self, folder: Path) -> None:
        """Write everything the run needs to go on, and its best weights, atomically."""
        tensors = module_tensors(self.model, "model.") | module_tensors(self.average.model, "average.")
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        state = {
            "epoch": self.epoch,
            "best_rmse": self.best_rmse if math.isfinite(self.best_rmse) else None,
            "best_epoch": self.best_epoch,
            "average_steps": self.average.steps,
            "last": None if self.last is None else dataclasses.asdict(self.last),
        }
        write_state(folder, tensors, state)

    def restore(self, folder: Path) -> None:
        """Go on where `save` was called.

        Raises:
            StorageError: no readable checkpoint there.
        """
        tensors, state = read_state(folder)
        load_module(self.model, tensors, "model.")
        load_module(self.average.model, tensors, "average.")
        self.best = {name[5:]: t.to(self.device) for name, t in tensors.items() if name.startswith("best.")}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = tensor
        self.optimizer.load_state_dict({"state": moments, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.epoch, self.best_epoch = state["epoch"], state["best_epoch"]
        self.best_rmse = math.inf if state["best_rmse"] is None else state["best_rmse"]
        self.average.steps = state["average_steps"]
        last = state["last"]
        self.last = None if last is None else EpochResult(**last | {"notes": tuple(last["notes"])})


def fit(config: TrialConfig, pair: PairData, checkpoint: Path | None = None) -> Iterator[EpochResult]:
    """Train a configuration, from a checkpoint of the same configuration if one is given."""
    run = TrainingRun(config, pair)
    if checkpoint is not None:
        run.restore(checkpoint)
    yield from run.epochs()


@torch.no_grad()
def predict_rows(
    model: Method, data: TrainingData, rows: Tensor, *, source: bool = False, batch_size: int = 512
) -> np.ndarray:
    """Standardised predictions of a model in evaluation mode for graph rows (B,)."""
    model.eval()
    predict = model.predict_source if source else model.predict
    parts = [predict(data.store.batch(part.to(data.store.device))).cpu() for part in rows.split(batch_size)]
    return torch.cat(parts).double().numpy() if parts else np.empty(0)
