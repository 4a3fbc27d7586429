"""How every study of a campaign is searched."""

from dataclasses import dataclass
from typing import Literal, get_args

from gear.errors import InputDataError, UnknownNameError
from search.plan.space import OPTIONAL

__all__ = ["FINALS", "SAMPLERS", "SamplerName", "SearchSettings"]

SamplerName = Literal["tpe", "gp", "random"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
FinalName = Literal["best", "refit"]
FINALS: tuple[FinalName, ...] = get_args(FinalName)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How every study is searched.

    Attributes:
        trials: budget of a study; failed trials are replaced, up to `replacements`.
        sampler: what proposes trials once there are finished ones to learn from: a tree-structured Parzen estimator,
            a Gaussian process, or chance.
        startup_trials: finished trials of a study before the sampler learns from them; until then it is chance.
        share: whether a study begins with what beat the defaults in related studies, see
            `search.campaign.study_transfer`.
        warm_start: names of earlier campaigns in the same storage that studies begin with, see
            `search.storage.earlier_campaigns`.
        grace_steps: optimiser steps that a trial has had before early stopping looks at it for the first time.
        reduction_factor: of the trials that reach a rung, about one in this many goes on.
        validation_folds: of a trial, trained side by side, each with its own validation molecules; its value is their
            mean.
        finalists: trials of a study that are trained again on fresh seeds before one of them wins; below 2 the best of
            the search wins.
        finalist_seeds: fresh seeds of each.
        final: what a study results in: the winner as it was trained, or its configuration trained anew on
            `refit_folds` validation folds for each of `refit_seeds` seeds, which predict together.
        refit_seeds: see there.
        refit_folds: where the split leaves a choice of validation molecules.
        replacements: most failed trials of a study that are replaced.
        attempts: most workers that a trial may lose, plus one.
        epoch_timeout: seconds an epoch may take before its worker is ended, the first one with all that precedes it;
            0 for any.
        checkpoint_every: epochs; the last epoch of a trial is always kept.
        seed: of the campaign; every trial's seed follows from it.
        split_seed: of the splits.
        cpus_per_trial: also the threads of a trial.
        gpus_per_trial: a fraction shares a GPU.
        vary: settings to search beside the usual ones, by their path; see `search.plan.space.OPTIONAL`.
    """

    trials: int = 8
    sampler: SamplerName = "tpe"
    startup_trials: int = 4
    share: bool = True
    warm_start: tuple[str, ...] = ()
    grace_steps: int = 100
    reduction_factor: float = 3.0
    validation_folds: int = 1
    finalists: int = 0
    finalist_seeds: int = 2
    final: FinalName = "best"
    refit_seeds: int = 2
    refit_folds: int = 4
    replacements: int = 4
    attempts: int = 3
    epoch_timeout: float = 0.0
    checkpoint_every: int = 1
    seed: int = 0
    split_seed: int = 0
    cpus_per_trial: int = 1
    gpus_per_trial: float = 0.0
    vary: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be searched.

        Raises:
            InputDataError: a value is out of range.
        """
        positive = ("trials", "grace_steps", "validation_folds", "finalist_seeds", "refit_seeds", "refit_folds")
        for name in (*positive, "attempts", "checkpoint_every", "cpus_per_trial"):
            if getattr(self, name) < 1:
                raise InputDataError(f"search.{name} must be at least 1, got {getattr(self, name)}")
        not_negative = ("startup_trials", "finalists", "replacements", "epoch_timeout", "gpus_per_trial")
        for name in (*not_negative, "seed", "split_seed"):
            if getattr(self, name) < 0:
                raise InputDataError(f"search.{name} must not be negative, got {getattr(self, name)}")
        for path in self.vary:
            if path not in OPTIONAL:
                raise UnknownNameError("setting to vary", path, list(OPTIONAL))
        if self.reduction_factor <= 1:
            raise InputDataError(f"search.reduction_factor must be greater than 1, got {self.reduction_factor}")
