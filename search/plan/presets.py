"""Plans with a name: what `gear-search run --preset NAME` does.

    quick           few labels of two properties that a related one is known of: minutes on two cores
    small           the pairs that you name, by the methods that are quick and a blend of them; what --pairs and
                    --target-data take
    benchmark       all pairs and methods with few labels, 60 and 240
    benchmark-all   six of the pairs with all of their labels, all methods; the rest of the same comparison
    sanity          does GEAR beat single-task training on hv_from_ds with all labels?
    ablation        GEAR without each of its losses in turn
    noise           with a share of the target's training labels corrupted
    extrapolation   judged beyond the range of the training labels
    sensitivity     random trials of GEAR with few labels, none stopped early, immersion and matched quantity varied too
    curves          random trials, none stopped early, on which `search.cli.simulator` compares policies

`benchmarks/run_benchmark.py` runs both parts of the benchmark for several split seeds, on GPUs as they stand here, or
with fewer trials and folds on a CPU. Sanity to sensitivity are the experiments of the method's paper beside it, small
by default; `--pairs` and `--trials` make them large.
"""

from collections.abc import Sequence
from typing import Any

from gear.methods import METHODS
from search.plan.campaign_plan import CampaignPlan, make_plan

__all__ = ["PRESETS"]

BOTH = ("random", "scaffold")
CLASSICAL = tuple(name for name, spec in METHODS.items() if spec.fits_at_once)  # seconds a trial
FEW = tuple(f"{split}-n{labels}" for labels in (60, 240) for split in BOTH)
ALL_LABELS = ("ct_from_bp", "hv_from_bp", "vp_from_bp", "fp_from_bp", "st_from_ri", "dk_from_lp")
BENCHMARK: dict[str, Any] = {
    "trials": 16,
    "startup_trials": 6,
    "grace_steps": 250,
    "finalists": 2,
    "checkpoint_every": 5,
    "final": "blend",
    "gpus_per_trial": 0.25,
}
WITHOUT = tuple(f"gear-no-{term}" for term in ("auto", "cons", "map", "metric", "curv"))


def _preset(
    name: str,
    pairs: Sequence[str],
    splits: Sequence[str],
    methods: Sequence[str],
    epochs: int,
    **search: Any,  # noqa: ANN401 - fields of SearchSettings
) -> CampaignPlan:
    return make_plan(pairs, splits, methods, preset=name, epochs=epochs, **search)


_ALL = (
    _preset(
        "quick",
        ["ct_from_bp", "hv_from_bp"],
        [f"{split}-n60" for split in BOTH],
        ["gear", "stl", "gp"],
        20,
        trials=6,
        validation_folds=3,  # five, the default for few labels, would take half as long again
        final="blend",
    ),
    # a tenth of a few hundred labels is too few to choose by: docs/method.md
    _preset("small", ["hv_from_ds"], BOTH, ["gear", "stl", *CLASSICAL], 20, validation_folds=3, final="blend"),
    _preset("benchmark", ["all"], FEW, [*METHODS], 40, **BENCHMARK),
    _preset("benchmark-all", ALL_LABELS, BOTH, [*METHODS], 40, validation_folds=3, **BENCHMARK),
    _preset("sanity", ["hv_from_ds"], ["random"], ["gear", "stl"], 50, grace_steps=250),
    _preset("ablation", ["dk_from_lp"], ["random"], ["gear", *WITHOUT], 40, trials=4, pruner="none"),
    _preset(
        "noise",
        ["st_from_ri"],
        ["random", "random-gaussian20", "random-outliers5"],
        ["gear", "mtl", "stl"],
        40,
        trials=4,
    ),
    _preset(
        "extrapolation",
        ["st_from_ri"],
        ["extrapolation-high", "extrapolation-low"],
        ["gear", "mtl", "stl"],
        40,
        trials=4,
    ),
    _preset(
        "sensitivity",
        ["ct_from_bp", "hv_from_bp", "st_from_ri", "dk_from_lp"],
        ["random-n60"],
        ["gear"],
        20,
        trials=40,
        sampler="random",
        transfer_starts=False,
        pruner="none",
        validation_folds=3,
        checkpoint_every=20,
        vary=("curvature.matching", "curvature.immersion"),
    ),
    _preset(
        "curves",
        ["vs_from_hv", "vs_from_bp", "ef_from_hv", "ef_from_bp"],  # small, and each shares its target and its source
        ["random"],
        ["gear", "stl"],
        20,
        trials=40,
        sampler="random",
        transfer_starts=False,
        pruner="none",
        checkpoint_every=20,
    ),
)
PRESETS: dict[str, CampaignPlan] = {plan.preset: plan for plan in _ALL}
