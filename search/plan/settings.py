"""How every study of a campaign is searched."""

from dataclasses import dataclass
from typing import Literal

from gear.errors import InputDataError, UnknownNameError
from search.plan.setting import check_ranges, setting
from search.plan.space import OPTIONAL

__all__ = ["SearchSettings"]

FinalName = Literal["best", "refit", "blend"]
LabelsName = Literal["train", "all"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How every study is searched."""

    trials: int = setting(8, "trials of each study; failed ones are replaced", minimum=1, resume="grows")
    sampler: str = setting(
        "tpe",
        "what proposes trials: tpe (a tree-structured Parzen estimator), gp (a Gaussian process), random, or the path "
        "my_module:MySampler of another",
        metavar="NAME",
    )
    startup_trials: int = setting(
        4, "finished trials of a study before the sampler learns from them; until then it is random", minimum=0
    )
    transfer_starts: bool = setting(
        True, "begin a study with what beat the defaults in related studies of the campaign"
    )
    earlier_campaigns: tuple[str, ...] = setting(
        (), "begin studies also with the best of these earlier campaigns in the same storage", metavar="CAMPAIGN"
    )
    pruner: str = setting(
        "halving",
        "what stops trials early: halving (asynchronous successive halving), median, none, or the path "
        "my_module:my_pruner of another",
        metavar="NAME",
    )
    grace_steps: int = setting(100, "optimiser steps of a trial before the pruner may stop it", minimum=1)
    reduction_factor: float = setting(
        3.0, "of the trials that the pruner halving compares, about one in this many continues", above=1, metavar="F"
    )
    validation_folds: int = setting(
        0,
        "train each trial on this many validation folds and judge it by their mean; 0 chooses: 5 for a random or "
        "scaffold split of at most 240 labels (--labels) or of a cross-validation, else 1",
        minimum=0,
    )
    finalists: int = setting(
        0,
        "train the best N trials again on fresh seeds before one of them wins; below 2: none",
        minimum=0,
        resume="free",
    )
    finalist_seeds: int = setting(2, "fresh seeds for each finalist", minimum=1)
    final: FinalName = setting(
        "best",
        "the models that are exported: of each study the winner as it was trained (best), or its configuration trained "
        "anew as an ensemble (refit); with blend the winners, and a weighted mean of the best trials of all methods",
        resume="free",
    )
    final_labels: LabelsName = setting(
        "train",
        "labels of the target that the exported models are trained on: train, or all, which trains them once more with "
        "those for validation and test, for as many epochs as were best before; the errors are of the tested models",
        resume="free",
    )
    blend_candidates: int = setting(
        5, "best trials of each study that a blend is chosen from", minimum=1, resume="free"
    )
    refit_seeds: int = setting(2, "seeds of a refit, and of models that are trained on all labels", minimum=1)
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
    fuse: str = setting(
        "auto",
        "trials of a study that a worker trains as one array of models: a number, off, or auto, which is 8 for trials "
        "of one configuration (finalists, refits), for others 8 on a GPU and 1 on a CPU",
        resume="free",
        metavar="N|auto|off",
    )
    vary: tuple[str, ...] = setting((), f"search these settings, too: {' '.join(OPTIONAL)}", metavar="PATH")

    def __post_init__(self) -> None:
        """Refuse what cannot be searched.

        Raises:
            InputDataError: a value is out of range, or `fuse` is not of its form.
            UnknownNameError: a setting to vary does not exist.
        """
        check_ranges(self, "search")
        if self.fuse not in ("auto", "off") and not (self.fuse.isdecimal() and int(self.fuse) >= 1):
            raise InputDataError(f"search.fuse must be a number of trials, auto or off, got '{self.fuse}'")
        for path in self.vary:
            if path not in OPTIONAL and not path.startswith("settings."):  # of a plug-in: see `check_settings`
                raise UnknownNameError("setting to vary", path, list(OPTIONAL))
