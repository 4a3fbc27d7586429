"""How every study of a campaign is searched."""

from dataclasses import dataclass
from typing import Literal, get_args

from gear.errors import UnknownNameError
from search.plan.setting import check_ranges, setting
from search.plan.space import OPTIONAL

__all__ = ["SAMPLERS", "SamplerName", "SearchSettings"]

SamplerName = Literal["tpe", "gp", "random"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
FinalName = Literal["best", "refit"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How every study is searched."""

    trials: int = setting(8, "trials of each study; failed ones are replaced", minimum=1, resume="grows")
    sampler: SamplerName = setting(
        "tpe", "what proposes trials: a tree-structured Parzen estimator, a Gaussian process, or random values"
    )
    startup_trials: int = setting(
        4, "finished trials of a study before the sampler learns from them; until then it is random", minimum=0
    )
    share: bool = setting(True, "begin a study with what beat the defaults in related studies of the campaign")
    warm_start: tuple[str, ...] = setting(
        (), "begin studies also with the best of these earlier campaigns in the same storage", metavar="CAMPAIGN"
    )
    grace_steps: int = setting(100, "optimiser steps of a trial before early stopping may end it", minimum=1)
    reduction_factor: float = setting(
        3.0, "of the trials that early stopping compares, about one in this many continues", above=1, metavar="F"
    )
    validation_folds: int = setting(
        1, "train each trial on this many validation folds and judge it by their mean", minimum=1
    )
    finalists: int = setting(
        0,
        "train the best N trials again on fresh seeds before one of them wins; below 2: none",
        minimum=0,
        resume="free",
    )
    finalist_seeds: int = setting(2, "fresh seeds for each finalist", minimum=1)
    final: FinalName = setting(
        "best", "take the winner as it was trained, or refit its configuration as an ensemble", resume="free"
    )
    refit_seeds: int = setting(2, "seeds of a refit", minimum=1)
    refit_folds: int = setting(4, "validation folds of a refit, each trained with every seed", minimum=1)
    replacements: int = setting(4, "maximum failed trials of a study that are replaced", minimum=0)
    attempts: int = setting(3, "a trial fails when it has lost this many workers", minimum=1)
    epoch_timeout: float = setting(
        0.0, "end a worker whose epoch takes longer, 0 for never", minimum=0, resume="free", metavar="T", unit="s"
    )
    checkpoint_every: int = setting(1, "epochs between checkpoints; the last epoch is always kept", minimum=1)
    seed: int = setting(0, "seed of the campaign; the seeds of all trials follow from it", minimum=0)
    split_seed: int = setting(0, "seed of the splits", minimum=0)
    cpus_per_trial: int = setting(1, "CPUs, and threads, of a trial", minimum=1)
    gpus_per_trial: float = setting(0.0, "GPUs of a trial; a fraction shares a GPU", minimum=0, metavar="F")
    vary: tuple[str, ...] = setting((), f"search these settings, too: {' '.join(OPTIONAL)}", metavar="PATH")

    def __post_init__(self) -> None:
        """Refuse what cannot be searched.

        Raises:
            InputDataError: a value is out of range.
            UnknownNameError: a setting to vary does not exist.
        """
        check_ranges(self, "search")
        for path in self.vary:
            if path not in OPTIONAL:
                raise UnknownNameError("setting to vary", path, list(OPTIONAL))
