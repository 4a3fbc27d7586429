"""Weights of a D-MPNN in a file: safetensors, with the shape and the origin of the weights as JSON in its metadata."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gear.data.cache import replace_file
from gear.data.molecules.pack import ATOM_FEATURES, BOND_FEATURES
from gear.errors import InputDataError, in_a_line
from gear.model.dmpnn import DMPNN
from gear.parsing import from_dict
from gear.pretrain.recipe import Shape

__all__ = ["MALFORMED", "Weights", "checked", "new_network", "read_own", "refusing_damage", "write"]

FORMAT = 1
METADATA = "gear-pretrained"
# what comes of content that is not as it should be
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError, MemoryError)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights of a D-MPNN under the names that it has them, its shape, and facts about their origin (JSON)."""

    shape: Shape
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def new_network(shape: Shape) -> DMPNN:
    """A D-MPNN of that shape, initialised by PyTorch's global generator."""
    return DMPNN(
        ATOM_FEATURES,
        BOND_FEATURES,
        shape.width,
        shape.depth,
        aggregation=shape.aggregation,
        norm=shape.aggregation_norm,
    )


def write(path: Path, weights: Weights) -> None:
    """Write weights as one file, atomically; equal weights give equal bytes.

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.tensors.items()}
    head = {"format": FORMAT, "shape": dataclasses.asdict(weights.shape), "facts": dict(weights.facts)}
    head["checksum"] = _checksum(tensors)
    metadata = {METADATA: json.dumps(head, sort_keys=True)}
    replace_file(path, lambda draft: draft.write_bytes(save(tensors, metadata)))


def read_own(path: Path) -> Weights:
    """Weights that `write` wrote.

    Raises:
        InputDataError: the file is none of these, was changed, or a newer version wrote it.
        OSError: it cannot be read.
    """
    try:
        with safe_open(path, "pt") as file:
            head = json.loads((file.metadata() or {}).get(METADATA, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, *MALFORMED) as error:
        raise InputDataError(f"{path} is damaged: {error}") from error
    if not head:
        raise InputDataError(f"{path} has no weights that gear-search pretrain wrote, nor those of chemprop")
    with refusing_damage(path):
        if head["format"] > FORMAT:
            raise InputDataError(
                f"{path} has format {head['format']}, a newer version's; this one reads up to {FORMAT}"
            )
        if head["checksum"] != _checksum(tensors):
            raise InputDataError(f"{path} is damaged: its checksum is wrong")
        shape = from_dict(Shape, head["shape"], f"{path} is damaged: shape")
        return checked(path, Weights(shape, tensors, dict(head["facts"])))


@contextlib.contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Refuse a file where a block does not understand what is in it.

    Raises:
        InputDataError: instead of the errors of keys, types and sizes that are not as expected.
    """
    try:
        yield
    except MALFORMED as error:
        raise InputDataError(f"{path} is damaged: {in_a_line(error)}") from error


def checked(path: Path, weights: Weights) -> Weights:
    """The weights, if a D-MPNN of their shape has exactly these tensors.

    Args:
        path: where they are from.
        weights: as they were read.

    Raises:
        InputDataError: a tensor is missing, has another size, or has no place; the message names it.
    """
    with torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in new_network(weights.shape).state_dict().items()}
    for name, size in wanted.items():
        if name not in weights.tensors:
            raise InputDataError(f"{path} does not fit: a D-MPNN needs weights {name}, which it does not have")
        if (found := tuple(weights.tensors[name].shape)) != size:
            raise InputDataError(f"{path} does not fit: its weights {name} have size {found} and should have {size}")
    if extra := sorted(weights.tensors.keys() - wanted.keys()):
        raise InputDataError(f"{path} does not fit: the D-MPNN has no place for weights {extra[0]}")
    return weights


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Digest of all values, which detects damage."""
    content = hashlib.sha256()
    for name in sorted(tensors):
        content.update(name.encode() + tensors[name].contiguous().numpy().tobytes())
    return content.hexdigest()[:16]
