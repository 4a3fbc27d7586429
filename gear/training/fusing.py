"""Which runs can be trained as one array (`gear.training.together`)."""

from collections.abc import Sequence

import numpy as np

from gear.config import TrialConfig
from gear.data.pairs import PairData
from gear.structure import structure
from gear.training.loop import TrainingRun

__all__ = ["can_be_fused", "runs_with_one_store"]


def can_be_fused(configs: Sequence[TrialConfig], pairs: Sequence[PairData]) -> bool:
    """Whether the models of these configurations, each trained on a pair, can be computed as one.

    They can where the configurations have one structure (`gear.structure`), no pair has feature columns or a label that
    is a bound, the molecules of the pairs are the same, and no batch is so small that it needs a case of its own. Where
    GEAR evaluates terms at every k-th step, epochs must have the same number of steps too.
    """
    first, pair = configs[0], pairs[0]
    return (
        len(configs) > 1
        and (common := structure(first)) is not None
        and all(structure(config) == common for config in configs)
        and not any(one.features or _has_bounds(one) for one in pairs)
        and all(len(one.sources) == len(pair.sources) for one in pairs)
        and all(one.smiles is pair.smiles or np.array_equal(one.smiles, pair.smiles) for one in pairs)
        and all(_smallest_batch(config, one) >= _least(config) for config, one in zip(configs, pairs, strict=True))
        and (not _counts_steps(first) or len({_steps(first, one) for one in pairs}) == 1)
    )


def runs_with_one_store(
    configs: Sequence[TrialConfig], pairs: Sequence[PairData], device: str = "auto"
) -> list[TrainingRun]:
    """The runs of configurations that can be fused, which gather their batches from the same molecules."""
    first = TrainingRun(configs[0], pairs[0], device)
    others = zip(configs[1:], pairs[1:], strict=True)
    return [first, *(TrainingRun(config, pair, device, first.data.store) for config, pair in others)]


def _has_bounds(pair: PairData) -> bool:
    """Whether any label is learnt as a bound."""
    return any(task.bounds is not None for task in (pair.target, *pair.sources))


def _steps(config: TrialConfig, pair: PairData) -> int:
    """How many steps a pass over the target has."""
    return config.training.batches(len(pair.target.train.rows))


def _smallest_batch(config: TrialConfig, pair: PairData) -> int:
    """Molecules of the target in the smallest step."""
    return len(pair.target.train.rows) // _steps(config, pair)


def _counts_steps(config: TrialConfig) -> bool:
    """Whether what a step computes depends on its number."""
    return config.method == "gear" and config.curvature.every > 1


def _least(config: TrialConfig) -> int:
    """Molecules that every step must have: two for a normalisation, and those that a geometric term draws."""
    if config.method != "gear":
        return 2
    from gear.methods.gear.curvature_matching import molecules_matched

    return max(config.curvature.molecules, molecules_matched(config.curvature))
