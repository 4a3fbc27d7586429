"""What a configuration's `embedding.pretrained` means: which weights every D-MPNN of a new model begins with.

`none`: random ones. `descriptors`: those that `gear-search pretrain` gives for the configuration's shape, from the user
cache or trained now. Else the path of a file, of `gear-search pretrain` or a checkpoint of chemprop. Only the beginning
of a training reads any of these: a checkpoint and an export have all weights themselves.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

from torch import nn

from gear.config import EmbeddingConfig
from gear.errors import InputDataError
from gear.grouped import load_each
from gear.model.dmpnn import DMPNN
from gear.pretrain.chemprop_file import read_chemprop
from gear.pretrain.pretraining import pretrained
from gear.pretrain.recipe import SHAPE, Recipe, Shape
from gear.pretrain.weights import Weights, read_own

__all__ = ["begin_with_pretrained", "fit_to_file", "read_weights", "starting_weights"]


def read_weights(path: Path) -> Weights:
    """The weights of a file of `gear-search pretrain` or a checkpoint of chemprop.

    Raises:
        InputDataError: the file is missing, is neither, or does not fit the D-MPNN; the message says why.
    """
    try:
        with path.open("rb") as file:
            is_archive = file.read(2) == b"PK"  # what torch.save writes
        return read_chemprop(path) if is_archive else read_own(path)
    except OSError as error:
        reason = error.strerror or error
        raise InputDataError(
            f"cannot read pretrained weights {path}: {reason}: every machine that trains needs them under this path"
        ) from error


def fit_to_file(embedding: EmbeddingConfig) -> EmbeddingConfig:
    """The configuration with the shape of the file that it names and a digest of the file's content.

    A configuration that names no file, or has a digest, is returned as it is. A part of the shape that differs from the
    default must be the file's own.

    Raises:
        InputDataError: the file cannot be used, or it has another shape than the configuration asks for.
    """
    if embedding.pretrained_file is None or embedding.pretrained_hash:
        return embedding
    path = embedding.pretrained_file.resolve()
    shape, default = dataclasses.asdict(read_weights(path).shape), EmbeddingConfig()
    unasked = {name: shape[name] for name in SHAPE if getattr(embedding, name) == getattr(default, name)}
    found = dataclasses.replace(embedding, pretrained=str(path), pretrained_hash=_digest(path), **unasked)
    _check_shape(Shape(**shape), found)
    return found


def starting_weights(embedding: EmbeddingConfig, say: Callable[[str], None] = lambda line: None) -> Weights | None:
    """The weights that a D-MPNN of a configuration begins with, None for random ones.

    Args:
        embedding: the configuration.
        say: takes a line about what takes minutes.

    Raises:
        InputDataError: the file is missing, has changed since the plan was made, or does not fit.
        StorageError: the cache cannot be written.
    """
    if embedding.pretrained == "none":
        return None
    if embedding.pretrained_file is None:
        return pretrained(Recipe(Shape.of(embedding)), say=say)[0]
    path = embedding.pretrained_file
    weights = read_weights(path)
    if embedding.pretrained_hash and _digest(path) != embedding.pretrained_hash:
        raise InputDataError(
            f"pretrained weights {path} have changed since the plan was made: put the file of then in its place, or "
            "start a new campaign"
        )
    _check_shape(weights.shape, embedding)
    return weights


def begin_with_pretrained(model: nn.Module, embedding: EmbeddingConfig) -> None:
    """Give every D-MPNN in a model, of target and sources, the weights that its configuration asks for.

    Raises:
        InputDataError, StorageError: see `starting_weights`.
    """
    if (weights := starting_weights(embedding)) is not None:
        for module in model.modules():
            if isinstance(module, DMPNN):
                load_each(module, weights.tensors)


def _check_shape(shape: Shape, embedding: EmbeddingConfig) -> None:
    if misfit := shape.misfit(embedding):
        raise InputDataError(f"{misfit} ({embedding.pretrained}): leave the setting out, or use other weights")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
