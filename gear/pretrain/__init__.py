"""Pretraining of D-MPNNs on what follows from the molecules themselves, and the weights that trainings begin with."""

from typing import TYPE_CHECKING

from gear.lazy import lazy_names
from gear.pretrain.recipe import Recipe, Shape

if TYPE_CHECKING:
    from gear.pretrain.pretraining import pretrained
    from gear.pretrain.start import read_weights
    from gear.pretrain.weights import Weights

__all__ = ["Recipe", "Shape", "Weights", "pretrained", "read_weights"]

if not TYPE_CHECKING:  # torch, two seconds
    __getattr__ = lazy_names(
        __name__,
        {
            "gear.pretrain.pretraining": ("pretrained",),
            "gear.pretrain.start": ("read_weights",),
            "gear.pretrain.weights": ("Weights",),
        },
    )
