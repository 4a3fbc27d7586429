"""Dimensions that several methods search."""

from gear.config import AGGREGATIONS
from gear.embeddings import EMBEDDINGS
from gear.space import Choice, Dimension, Float, Integer

__all__ = ["ALIGNMENT", "NETWORK", "OPTIONAL", "PATHS", "SOURCE_EMBEDDING", "SOURCE_EPOCHS", "TRANSFER"]

# Upper bounds are moderate: a search on a laptop spends its time on many small models, not on a few large ones.
NETWORK: tuple[Dimension, ...] = (
    Integer("embedding.depth", 2, 5),
    Integer("embedding.width", 48, 160, step=16),
    Float("embedding.dropout", 0.0, 0.3, log=False, low_share=0.5),
    Integer("encoder.depth", 1, 2),
    Integer("encoder.width", 32, 128, step=16),
    Float("training.learning_rate", 1e-3, 5e-3),
    Float("training.weight_decay", 1e-6, 1e-2),
    Choice("training.batch_size", (32, 64, 128)),
)
SOURCE_EPOCHS = Integer("training.source_epochs", 5, 40, step=5)
TRANSFER: tuple[Dimension, ...] = (
    Choice("training.warm_start", (False, True)),
    SOURCE_EPOCHS,
    Integer("transfer.depth", 1, 3),
    Integer("transfer.inverse_depth", 1, 3),
    Integer("transfer.width", 32, 128, step=16),
    Integer("transfer.frame", 50, 100, step=10),
)
ALIGNMENT: tuple[Dimension, ...] = (
    Float("weights.auto", 0.03, 1.0),
    Float("weights.cons", 0.01, 1.0),
    Float("weights.map", 0.1, 3.0),
)

# Searched on request, `--vary PATH ...`.
_KINDS = tuple(EMBEDDINGS)
SOURCE_EMBEDDING = Choice("embedding.source_kind", ("same", *_KINDS))
PATHS = Choice("transfer.prediction", ("direct", "mapped", "mean"))
OPTIONAL: tuple[Dimension, ...] = (
    Choice("embedding.kind", _KINDS),
    Choice("embedding.aggregation", AGGREGATIONS),  # no pair was predicted better with another than the default
    Float("training.ema", 0.9, 0.99, log=False),
)
