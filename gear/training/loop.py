"""The training loop, one for every method: `fit` yields one `EpochResult` for each epoch.

All randomness of an epoch is a function of (seed, epoch), so a run continued from a checkpoint gives the same numbers
as one that was never interrupted, on the same device with the same number of threads.
"""

import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.data.pairs import PairData
from gear.device import peak_memory_mb, pick_device
from gear.methods import build_method
from gear.methods.base import Method, Model
from gear.pretrain.start import begin_with_pretrained
from gear.results import EpochResult
from gear.training.batching import TrainingData, epoch_batches
from gear.training.checkpoint import load_module, module_tensors, read_state, restoring, write_state
from gear.training.ema import WeightAverage

__all__ = ["EpochResult", "TrainingRun", "fit", "predict_rows", "validation_losses"]

FINAL_RATE = 0.1  # of the learning rate at the end of the cosine
DESCRIBED = 64  # number of validation molecules at which the latent spaces are described
MAX_SKIPPED_SHARE = 0.5  # of an epoch's steps; a trial with a larger share of non-finite steps has diverged


class _Tally:
    """Sums over the steps of an epoch, kept as tensors so that no step waits for the device.

    Terms that are evaluated at the same steps are summed as one vector. A step that was skipped is not counted.
    """

    def __init__(self) -> None:
        self.sums: dict[tuple[str, ...], Tensor] = {}
        self.counts: dict[tuple[str, ...], Tensor] = {}
        self.steps = self.molecules = 0

    def add(self, terms: dict[str, Tensor], failed: Tensor, finite: Tensor) -> None:
        """Add the terms of a step, its share of failed metrics and whether its gradient was finite."""
        self.steps += 1
        names = (*terms, "failed")
        values = torch.stack([*terms.values(), failed]).detach()
        self.sums[names] = self.sums.get(names, 0.0) + torch.where(finite, values, 0.0)
        self.counts[names] = self.counts.get(names, 0.0) + finite

    def means(self) -> dict[str, float]:
        """The mean of each term over the steps that evaluated it."""
        sums, counts = self._totals(lambda names: names[:-1])
        return {name: value / counts[name] for name, value in sums.items() if counts[name]}

    def failed_share(self) -> float:
        """The share of the molecules with an evaluated curvature whose metric was near singular."""
        sums, counts = self._totals(lambda names: names if "curv" in names else ())
        return sums.get("failed", 0.0) / max(counts.get("failed", 0.0), 1.0)

    def skipped(self) -> int:
        """The number of steps that were skipped."""
        return self.steps - round(sum(float(count) for count in self.counts.values()))

    def diverged(self) -> str:
        """The reason for the failure if too many steps were skipped, else an empty string."""
        if (skipped := self.skipped()) <= MAX_SKIPPED_SHARE * self.steps:
            return ""
        return f"diverged: gradient not finite in {skipped} of {self.steps} steps"

    def _totals(
        self, wanted: Callable[[tuple[str, ...]], Collection[str]]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Sums and counts of the terms that `wanted` selects from each vector."""
        sums: dict[str, float] = defaultdict(float)
        counts: dict[str, float] = defaultdict(float)
        for names, values in self.sums.items():
            for name, value in zip(names, values.tolist(), strict=True):
                if name in wanted(names):
                    sums[name] += value
                    counts[name] += float(self.counts[names])
        return sums, counts


class TrainingRun:
    """One configuration on one pair, trained epoch by epoch; can be saved after any epoch and restored.

    Args:
        config: of the trial.
        pair: its data.
        device: `auto` uses a GPU if there is one.

    Raises:
        UnknownNameError, InputDataError: the configuration cannot be built.
    """

    def __init__(self, config: TrialConfig, pair: PairData, device: str = "auto") -> None:
        self.config = config
        self.device = pick_device(device)
        torch.manual_seed(config.seed)
        model = build_method(config, len(pair.sources), len(pair.features))
        assert isinstance(model, Method), f"{config.method} is fitted at once: gear.training.folds.single_run"
        begin_with_pretrained(model, config.embedding)
        self.model = model.to(self.device)
        self.data = TrainingData(pair, self.model.embedding_kinds, self.device)
        self._fit_inputs()
        self.average = WeightAverage(self.model, config.training.ema)
        self.weights = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(
            self.weights, config.training.learning_rate, weight_decay=config.training.weight_decay, fused=True
        )
        self.epoch = 0
        self.last: EpochResult | None = None
        self.best_rmse, self.best_epoch = math.inf, 0
        self.best: dict[str, Tensor] = module_tensors(self.average.model, "")

    def epochs(self) -> Iterator[EpochResult]:
        """Train from the last finished epoch on; the last result is the one whose status is not `running`.

        A run that was restored after its last epoch yields that result again.
        """
        if self.last is not None and self.last.status != "running":
            yield self.last
        while self.last is None or self.last.status == "running":
            started = time.perf_counter()
            failure = ""
            if self.epoch == 0 and self.model.begins_with_sources:
                failure = self._train_sources()
            self.epoch += 1
            epoch_started = time.perf_counter()
            tally = self._train_epoch(self._generator(self.epoch))
            failure = failure or tally.diverged()  # waits for the last step, so the time is read afterwards
            speed = tally.molecules / (time.perf_counter() - epoch_started)
            self.last = self._result(tally, failure, speed, started)
            yield self.last

    def _fit_inputs(self) -> None:
        """Let the model scale its inputs by the training molecules, those of the sources too if it learns from them."""
        rows = self.data.learnt_rows(with_sources=self.model.learns_from_sources)
        self.model.fit_inputs(self.data.store.batch(rows))

    def _generator(self, *key: int) -> torch.Generator:
        """A generator for an epoch; the global generator, from which dropout draws, gets the same seed."""
        seed = int(np.random.SeedSequence([self.config.seed % 2**63, *key]).generate_state(1)[0])
        torch.manual_seed(seed)
        return torch.Generator().manual_seed(seed)

    def _train_epoch(self, generator: torch.Generator) -> _Tally:
        tally = _Tally()
        target, *sources = self.data.train_rows
        joined = sources if self.model.sees_sources else []
        training = self.config.training
        batches = list(epoch_batches(target, joined, training.batch_size, generator, training.epoch_steps))
        self.model.train()
        for index, rows in enumerate(batches):
            self._set_rate((self.epoch - 1 + index / len(batches)) / training.epochs)
            step = (self.epoch - 1) * len(batches) + index
            found = self.model.loss_terms(self.data.batch(rows), step, generator)
            tally.molecules += len(rows)
            self._step(found.terms, found.failed_share, tally)
        return tally

    def _step(self, terms: dict[str, Tensor], failed: Tensor, tally: _Tally) -> None:
        """One optimiser step. A step whose gradient is not finite is skipped, without waiting for the device."""
        total = self.model.total(terms)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        finite = torch.nn.utils.clip_grad_norm_(self.weights, self.config.training.clip).isfinite()
        # a fused optimiser reads this, as in mixed precision, and changes nothing if it is 1
        self.optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        self.average.update(self.model)
        tally.add({**terms, "total": total}, failed, finite)

    def _set_rate(self, progress: float) -> None:
        cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
        rate = self.config.training.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _train_sources(self) -> str:
        """Train on only the sources, keep the averaged weights, and reset the optimiser for the joint training.

        An epoch is one pass over the training molecules of all sources, in steps of twice `batch_size` molecules.
        Returns the reason if the training failed, else an empty string.
        """
        training, rows = self.config.training, torch.cat(self.data.train_rows[1:]).unique()
        tally = _Tally()
        self.model.train()
        for epoch in range(training.source_epochs):
            generator = self._generator(0, epoch)
            batches = list(epoch_batches(rows, [], 2 * training.batch_size, generator))
            for index, part in enumerate(batches):
                self._set_rate((epoch + index / len(batches)) / training.source_epochs)
                terms = self.model.source_terms(self.data.batch(part))
                self._step(terms, self.data.labels.new_zeros(()), tally)
        self.model.load_state_dict(self.average.model.state_dict())
        self.model.adopt_source()
        # the joint training starts without momentum and with a new average
        self.average = WeightAverage(self.model, training.ema)
        self.optimizer.state.clear()
        failure = tally.diverged()
        return f"the source's training {failure}" if failure else ""

    def _result(self, tally: _Tally, failure: str, speed: float, started: float) -> EpochResult:
        losses = validation_losses(self.average.model, self.data)
        rmse = math.sqrt(losses["target"])
        if rmse < self.best_rmse or self.config.training.keep == "last":
            self.best_rmse, self.best_epoch = rmse, self.epoch
            self.best = {name: t.clone() for name, t in module_tensors(self.average.model, "").items()}
        status, reason = self._status(failure, rmse)
        return EpochResult(
            epoch=self.epoch,
            validation_rmse=rmse,
            best_validation_rmse=self.best_rmse,
            best_epoch=self.best_epoch,
            train_loss=tally.means(),
            validation_loss=losses,
            seconds=time.perf_counter() - started,
            molecules_per_second=speed,
            failed_metric_share=tally.failed_share(),
            skipped_steps=tally.skipped(),
            peak_memory_mb=peak_memory_mb(self.device),
            geometry=self._describe(),
            status=status,
            reason=reason,
            notes=self.model.notes,
        )

    def _describe(self) -> dict[str, float]:
        rows = self.data.validation[0].rows[:DESCRIBED]
        return self.average.model.describe(self.data.store.batch(rows))

    def _status(self, failure: str, rmse: float) -> tuple[Literal["running", "complete", "failed"], str]:
        training = self.config.training
        if failure:
            return "failed", failure
        if not math.isfinite(rmse):
            return "failed", "diverged: validation RMSE is not finite"
        if self.epoch >= training.epochs:
            return "complete", "last epoch"
        if training.patience and self.epoch - self.best_epoch >= training.patience:
            return "complete", "early stopping"
        return "running", ""

    def save(self, folder: Path, *, durable: bool = True) -> None:
        """Write the state of the run and its best weights atomically; `durable`: see `write_folder`."""
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
        write_state(folder, tensors, state, durable=durable)

    def restore(self, folder: Path) -> None:
        """Load the state that `save` wrote.

        Raises:
            CheckpointError: no whole checkpoint there; the state of this run is then undefined.
            StorageError: it cannot be read.
        """
        with restoring(folder):
            self._take(*read_state(folder))

    def _take(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
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


def validation_losses(model: Model, data: TrainingData) -> dict[str, float]:
    """MSE of a model on the target's validation part, and its mean MSE on those of the sources if it predicts them."""
    found = []
    for task, part in enumerate(data.validation if model.sees_sources else data.validation[:1]):
        predicted = predict_rows(model, data, part.rows, task)
        found.append(float((predicted - part.labels).square().mean()))
    target, *sources = found
    return {"target": target} | ({"source": sum(sources) / len(sources)} if sources else {})


@torch.no_grad()
def predict_rows(model: Model, data: TrainingData, rows: Tensor, task: int = 0, batch_size: int = 512) -> Tensor:
    """Standardised predictions (B,), float64 on the device, of a model in evaluation mode for molecules `rows` (B,)."""
    model.eval()
    parts = [model.predict(data.store.batch(part), task) for part in rows.split(batch_size)]
    return torch.cat(parts).double() if len(rows) else torch.empty(0, dtype=torch.float64)
