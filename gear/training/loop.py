"""The training loop, one for every method: `fit` yields one `EpochResult` for each epoch.

All randomness of an epoch is a function of (seed, epoch), so a run continued from a checkpoint gives the same numbers
as one that was never interrupted, on the same device with the same number of threads.
"""

import copy
import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.data.pairs import PairData
from gear.device import peak_memory_mb, pick_device
from gear.grouped import split_parameters
from gear.methods import build_method
from gear.methods.base import Method
from gear.model.molecules import MoleculeBatch, MoleculeStore
from gear.pretrain.start import begin_with_pretrained
from gear.results import EpochResult
from gear.training.batching import TrainingData
from gear.training.checkpoint import load_module, module_tensors, read_state, restoring, write_state
from gear.training.flat import Moments
from gear.training.tally import Totals
from gear.training.together import Together

__all__ = ["EpochResult", "TrainingRun", "fit"]

DESCRIBED = 64  # number of validation molecules at which the latent spaces are described


class TrainingRun:
    """One configuration on one pair, trained epoch by epoch; can be saved after any epoch and restored.

    Args:
        config: of the trial.
        pair: its data.
        device: `auto` uses a GPU if there is one.
        store: the molecules of the pair on the device, if another run has them already.

    Raises:
        UnknownNameError, InputDataError: the configuration cannot be built.
    """

    def __init__(
        self, config: TrialConfig, pair: PairData, device: str = "auto", store: MoleculeStore | None = None
    ) -> None:
        self.config = config
        self.device = pick_device(device)
        torch.manual_seed(config.seed)
        model = build_method(config, len(pair.sources), len(pair.features))
        assert isinstance(model, Method), f"{config.method} is fitted at once: gear.training.folds.single_run"
        begin_with_pretrained(model, config.embedding)
        self.model = model.to(self.device)
        self.data = TrainingData(pair, self.model.embedding_kinds, self.device, store)
        self._fit_inputs()
        # a model with the averaged weights is validated, kept and exported
        self.average = copy.deepcopy(self.model).eval()
        self.averaged_steps = 0
        self.moments = Moments.none_yet(self.model)
        self.epoch = 0
        self.last: EpochResult | None = None
        self.best_rmse, self.best_epoch = math.inf, 0
        self.best: dict[str, Tensor] = module_tensors(self.average, "")

    def epochs(self) -> Iterator[EpochResult]:
        """Train from the last finished epoch on; the last result is the one whose status is not `running`.

        A run that was restored after its last epoch yields that result again.
        """
        if self.last is not None and self.last.status != "running":
            yield self.last
            return
        for results in Together([self]).epochs():
            yield results[0]

    @property
    def models(self) -> "list[TrainingRun]":
        """The runs of its models: itself; see `gear.training.folds.FoldedRun`."""
        return [self]

    def joined(self, rows: Sequence[EpochResult]) -> EpochResult:
        """Its result, of those of its models."""
        return rows[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the training, a sentence each."""
        of_sources = (*self._warm_start_notes(), *(self.data.notes if self.model.sees_sources else ()))
        return (*self.model.notes, *of_sources)

    def _warm_start_notes(self) -> Iterator[str]:
        if self.model.begins_with_sources:
            training = self.config.training
            if (passes := training.source_passes(len(self.data.source_rows))) < training.source_epochs:
                limit = f"training.source_molecules is {training.source_molecules:,}"
                yield f"the source is trained first for {passes:.3g} passes, not {training.source_epochs}: {limit}"

    def seed_of(self, *key: int) -> int:
        """The seed of an epoch, a function of the configuration's seed and the epoch's key."""
        return int(np.random.SeedSequence([self.config.seed % 2**63, *key]).generate_state(1)[0])

    def finish_epoch(self, totals: Totals, losses: dict[str, float], failure: str, speed: float) -> None:
        """Make the result of an epoch, and keep the weights if they are the best.

        Args:
            totals: what its steps gave.
            losses: MSE on the validation parts, `target` and `source`.
            failure: why the training on the sources failed, or an empty string.
            speed: molecules a second.
        """
        rmse = math.sqrt(losses["target"])
        if rmse < self.best_rmse or self.config.training.keep == "last":
            self.best_rmse, self.best_epoch = rmse, self.epoch
            self.best = {name: t.clone() for name, t in module_tensors(self.average, "").items()}
        status, reason = self._status(failure or totals.diverged(), rmse)
        self.last = EpochResult(
            epoch=self.epoch,
            validation_rmse=rmse,
            best_validation_rmse=self.best_rmse,
            best_epoch=self.best_epoch,
            train_loss=totals.means(),
            validation_loss=losses,
            seconds=0.0,
            molecules_per_second=speed,
            failed_metric_share=totals.failed_share(),
            skipped_steps=totals.skipped(),
            peak_memory_mb=peak_memory_mb(self.device),
            geometry=self._describe(),
            status=status,
            reason=reason,
            notes=self.notes,
        )

    def took(self, seconds: float) -> None:
        """Note how long the last epoch took, its validation included."""
        assert self.last is not None
        self.last = dataclasses.replace(self.last, seconds=seconds)

    def _fit_inputs(self) -> None:
        """Let the model scale its inputs by the training molecules, those of the sources too if it learns from them."""
        rows = self.data.scaling_rows(with_sources=self.model.learns_from_sources)
        self.model.fit_inputs(self.data.store.batch(rows))

    def _describe(self) -> dict[str, float]:
        return self.average.describe(self._described)

    @functools.cached_property
    def _described(self) -> MoleculeBatch:
        return self.data.store.batch(self.data.validation[0].rows[:DESCRIBED])

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
        tensors = module_tensors(self.model, "model.") | module_tensors(self.average, "average.")
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for index, (first, second) in enumerate(self._own_moments()):
            moments = {"exp_avg": first, "exp_avg_sq": second, "step": self.moments.steps.clone()}
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        state = {
            "epoch": self.epoch,
            "best_rmse": self.best_rmse if math.isfinite(self.best_rmse) else None,
            "best_epoch": self.best_epoch,
            "average_steps": self.averaged_steps,
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
        load_module(self.average, tensors, "average.")
        self.best = {name[5:]: t.to(self.device) for name, t in tensors.items() if name.startswith("best.")}
        for index, (first, second) in enumerate(self._own_moments()):
            # an earlier version has none of a parameter that was not trained yet
            if f"optimizer.{index}.step" in tensors:
                first.copy_(tensors[f"optimizer.{index}.exp_avg"])
                second.copy_(tensors[f"optimizer.{index}.exp_avg_sq"])
                self.moments.steps.copy_(torch.maximum(self.moments.steps.cpu(), tensors[f"optimizer.{index}.step"]))
        self.epoch, self.best_epoch = state["epoch"], state["best_epoch"]
        self.best_rmse = math.inf if state["best_rmse"] is None else state["best_rmse"]
        self.averaged_steps = state["average_steps"]
        last = state["last"]
        self.last = None if last is None else EpochResult(**last | {"notes": tuple(last["notes"])})

    def _own_moments(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The moments of each parameter, in the order and shapes of the model's state."""
        place = {id(parameter): index for index, parameter in enumerate(self.model.parameters())}
        for _, parameter, group in split_parameters(self.model):
            index = place[id(parameter)]
            first, second = self.moments.first[index], self.moments.second[index]
            yield (first, second) if group is None else (first[group], second[group])


def fit(config: TrialConfig, pair: PairData, checkpoint: Path | None = None) -> Iterator[EpochResult]:
    """Train a configuration, from a checkpoint of the same configuration if one is given."""
    run = TrainingRun(config, pair)
    if checkpoint is not None:
        run.restore(checkpoint)
    yield from run.epochs()
