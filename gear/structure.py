"""What models have in common that are trained as one array, and what each may have for itself. Needs no torch."""

import dataclasses
from collections.abc import Mapping

from gear.config import LossWeights, TrialConfig, Value
from gear.methods import find_method
from gear.variants import with_values

__all__ = ["is_own", "structure"]

# Paths of the settings that every model of an array has for itself, besides the weights of its losses and its seed,
# each with the value that it has in all structures.
OWN: Mapping[str, Value] = {
    "embedding.dropout": 0.0,
    "training.learning_rate": 1.0,
    "training.weight_decay": 0.0,
    "training.clip": 1.0,
    "training.ema": 0.0,
    "training.warm_start": False,
    "training.source_epochs": 1,
}


def is_own(path: str) -> bool:
    """Whether models of one array may differ in the setting at a path."""
    return path in OWN or path.startswith("weights.")


def structure(config: TrialConfig) -> TrialConfig | None:
    """What must be equal in the configurations of an array; None if the models of this one cannot be in any.

    Loss terms that are off, their weight being 0, must be off in all models.
    """
    if not find_method(config.method).joins or {config.embedding.kind, config.embedding.of_source.kind} != {"dmpnn"}:
        return None
    terms = dataclasses.fields(LossWeights)
    weights = {f"weights.{term.name}": float(getattr(config.weights, term.name) > 0) for term in terms}
    return with_values(dataclasses.replace(config, seed=0), {**OWN, **weights})
