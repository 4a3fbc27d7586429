"""What models have in common that are trained as one array, and what each may have for itself. Needs no torch."""

import dataclasses

from gear.config import LossWeights, TrialConfig
from gear.methods import find_method

__all__ = ["is_own", "structure"]

# Paths of settings that every model of an array has for itself, besides the weights of its losses and its seed.
OWN = frozenset(
    {
        "embedding.dropout",
        "training.learning_rate",
        "training.weight_decay",
        "training.clip",
        "training.ema",
        "training.warm_start",
        "training.source_epochs",
    }
)


def is_own(path: str) -> bool:
    """Whether models of one array may differ in the setting at a path."""
    return path in OWN or path.startswith("weights.")


def structure(config: TrialConfig) -> TrialConfig | None:
    """What must be equal in the configurations of an array; None if the models of this one cannot be in any.

    Loss terms that are off, their weight being 0, must be off in all models.
    """
    if not find_method(config.method).joins or {config.embedding.kind, config.embedding.of_source.kind} != {"dmpnn"}:
        return None
    weights = {term.name: float(getattr(config.weights, term.name) > 0) for term in dataclasses.fields(LossWeights)}
    training = dataclasses.replace(
        config.training,
        learning_rate=1.0,
        weight_decay=0.0,
        clip=1.0,
        ema=0.0,
        warm_start=False,
        source_epochs=1,
    )
    embedding = dataclasses.replace(config.embedding, dropout=0.0)
    return dataclasses.replace(config, seed=0, embedding=embedding, weights=LossWeights(**weights), training=training)
