"""One configuration on several validation folds at once, so that one small validation part does not decide by chance.

Every fold trains a model of its own on the molecules that are not in its own validation part; the test part is the same
for all. The folds are trained together epoch by epoch, so that a trial can be stopped as one: as one array of models
where their shapes allow it (`gear.training.fusing`), else one after the other. Its value is their mean.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from statistics import fmean
from typing import Literal

from gear.config import TrialConfig, TrialSpec
from gear.data.all_labels import with_all_labels
from gear.data.pairs import PairData, load_pair
from gear.methods import find_method
from gear.results import EpochResult
from gear.training.checkpoint import write_folder
from gear.training.fitted_run import FittedRun
from gear.training.fusing import can_be_fused, runs_with_one_store
from gear.training.loop import TrainingRun
from gear.training.side_by_side import Run, SideBySide
from gear.training.together import Together

__all__ = ["FoldedRun", "fold_checkpoints", "make_run", "make_runs", "pair_of", "single_folds", "single_run"]


def single_run(config: TrialConfig, pair: PairData, device: str = "auto") -> TrainingRun | FittedRun:
    """The run of a configuration on one pair: trained step by step, or fitted at once, by its method."""
    kind = FittedRun if find_method(config.method).fits_at_once else TrainingRun
    return kind(config, pair, device)


def make_run(spec: TrialSpec, load: Callable[..., PairData] = load_pair) -> "TrainingRun | FittedRun | FoldedRun":
    """The run that a specification describes.

    Args:
        spec: of the trial.
        load: as `load_pair`: returns a pair by its specification, split, seed and fold.
    """
    pairs = [pair_of(single, load) for single in single_folds(spec)]
    return single_run(spec.config, pairs[0]) if spec.folds == 1 else FoldedRun(spec.config, pairs)


def make_runs(specs: Sequence[TrialSpec], load: Callable[..., PairData] = load_pair) -> SideBySide:
    """The runs of several specifications, as one array where their models can be (`gear.training.fusing`).

    Args:
        specs: of the trials.
        load: see `make_run`.
    """
    singles = [single_folds(spec) for spec in specs]
    pairs = [[pair_of(single, load) for single in folds] for folds in singles]
    configs = [_fold_configs(spec.config, spec.folds) for spec in specs]
    every_config, every_pair = list(chain(*configs)), list(chain(*pairs))
    if len(specs) == 1 or not can_be_fused(every_config, every_pair):
        return SideBySide([make_run(spec, load) for spec in specs])
    models = iter(runs_with_one_store(every_config, every_pair))
    runs: list[Run] = []
    for spec, own in zip(specs, pairs, strict=True):
        first, *others = islice(models, spec.folds)
        runs.append(FoldedRun(spec.config, own, runs=[first, *others]) if others else first)
    return SideBySide(runs, fused=True)


def pair_of(spec: TrialSpec, load: Callable[..., PairData] = load_pair) -> PairData:
    """The data of a specification of one fold; `load`: see `make_run`."""
    pair = load(spec.pair, spec.split, spec.split_seed, spec.fold)
    return with_all_labels(pair) if spec.labels == "all" else pair


def single_folds(spec: TrialSpec) -> list[TrialSpec]:
    """The specifications of the models that a specification trains: each has one fold and a seed of its own."""
    return [
        dataclasses.replace(spec, fold=spec.fold + k, folds=1, config=_seeded(spec.config, k))
        for k in range(spec.folds)
    ]


def fold_checkpoints(checkpoint: Path, folds: int) -> list[Path]:
    """The folders inside a run's checkpoint that hold the state of each fold."""
    return [checkpoint] if folds == 1 else [checkpoint / f"fold-{fold}" for fold in range(folds)]


def _seeded(config: TrialConfig, fold: int) -> TrialConfig:
    return dataclasses.replace(config, seed=config.seed + fold)


def _fold_configs(config: TrialConfig, folds: int) -> list[TrialConfig]:
    """The configuration of each fold's model: of several, none stops by its own patience."""
    if folds == 1:
        return [config]
    training = dataclasses.replace(config.training, patience=0)
    return [_seeded(dataclasses.replace(config, training=training), fold) for fold in range(folds)]


class FoldedRun:
    """A configuration on K validation folds, with the same interface as `TrainingRun`.

    Args:
        config: of the trial.
        pairs: the data of each fold.
        device: `auto` uses a GPU if there is one.
        fuse: train the folds as one array where they can be (`gear.training.fusing`); else one after the other.
        runs: those of the folds, which can be one array, if there are any yet.
    """

    def __init__(
        self,
        config: TrialConfig,
        pairs: Sequence[PairData],
        device: str = "auto",
        *,
        fuse: bool = True,
        runs: Sequence[TrainingRun] = (),
    ) -> None:
        self.config = config
        configs = _fold_configs(config, len(pairs))
        self.is_fused = bool(runs) or (fuse and can_be_fused(configs, pairs))
        self.runs: list[TrainingRun] | list[TrainingRun | FittedRun] = (
            list(runs) or runs_with_one_store(configs, pairs, device)
            if self.is_fused
            else [single_run(single, pair, device) for single, pair in zip(configs, pairs, strict=True)]
        )
        self.model = self.runs[0].model

    @property
    def models(self) -> list[TrainingRun]:
        """The runs of the folds that are trained step by step."""
        return [run for run in self.runs if isinstance(run, TrainingRun)]

    @property
    def epoch(self) -> int:
        """The number of epochs that all folds have had."""
        return min(run.epoch for run in self.models)

    @property
    def last(self) -> EpochResult | None:
        """The result of the last epoch."""
        rows = [run.last for run in self.runs if run.last is not None]
        return self.joined(rows) if len(rows) == len(self.runs) else None

    def epochs(self) -> Iterator[EpochResult]:
        """One result for each epoch, the mean over the folds; see `TrainingRun.epochs`."""
        if (last := self.last) is not None and last.status != "running":
            yield last
            return
        for rows in self._rows():
            row = self.joined(rows)
            yield row
            if row.status != "running":
                return

    def _rows(self) -> Iterator[Sequence[EpochResult]]:
        """The results of all folds, epoch by epoch."""
        if self.is_fused:
            yield from (list(results.values()) for results in Together(self.models).epochs())
        else:
            yield from zip(*(run.epochs() for run in self.runs), strict=False)

    def save(self, folder: Path) -> None:
        """Write the state of every fold atomically."""

        def fill(draft: Path) -> None:
            for run, place in zip(self.runs, fold_checkpoints(draft, len(self.runs)), strict=True):
                run.save(place, durable=False)  # the folder around them is, with all it holds

        write_folder(folder, fill)

    def restore(self, folder: Path) -> None:
        """Load the state that `save` wrote.

        Raises:
            CheckpointError: no whole checkpoint there; the state of this run is then undefined.
            StorageError: it cannot be read.
        """
        for run, place in zip(self.runs, fold_checkpoints(folder, len(self.runs)), strict=True):
            run.restore(place)

    def joined(self, rows: Sequence[EpochResult]) -> EpochResult:
        """The mean of the results of the folds."""
        status, reason = self._status(rows)
        return EpochResult(
            epoch=rows[0].epoch,
            validation_rmse=fmean(row.validation_rmse for row in rows),
            best_validation_rmse=fmean(row.best_validation_rmse for row in rows),
            best_epoch=round(fmean(row.best_epoch for row in rows)),
            train_loss=_means([row.train_loss for row in rows]),
            validation_loss=_means([row.validation_loss for row in rows]),
            seconds=sum(row.seconds for row in rows),
            molecules_per_second=fmean(row.molecules_per_second for row in rows),
            failed_metric_share=fmean(row.failed_metric_share for row in rows),
            skipped_steps=sum(row.skipped_steps for row in rows),
            peak_memory_mb=max(row.peak_memory_mb for row in rows),
            geometry=_means([row.geometry for row in rows]),
            status=status,
            reason=reason,
            notes=rows[0].notes,
        )

    def _status(self, rows: Sequence[EpochResult]) -> tuple[Literal["running", "complete", "failed"], str]:
        for fold, row in enumerate(rows):
            if row.status == "failed":
                return "failed", f"fold {fold}: {row.reason}"
        if all(row.status == "complete" for row in rows):
            return "complete", rows[0].reason
        training, epoch = self.config.training, rows[0].epoch
        if training.patience and epoch - max(row.best_epoch for row in rows) >= training.patience:
            return "complete", "early stopping"
        return "running", ""


def _means(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every number that all parts have."""
    return {name: fmean(part[name] for part in parts) for name in parts[0] if all(name in part for part in parts)}
