"""Reads the message passing of a chemprop checkpoint, without running any code that the file names.

Two layouts: a whole model, as chemprop's training writes it (`.ckpt`, `.pt`), and bare message passing, as the
foundation model CheMeleon comes (`chemeleon_mp.pt`), whose atoms chemprop aggregates by their mean.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from gear.config import Aggregation
from gear.data.molecules.pack import ATOM_FEATURES, BOND_FEATURES
from gear.errors import InputDataError
from gear.pretrain.recipe import Shape
from gear.pretrain.weights import MALFORMED, Weights, checked, refusing_damage

__all__ = ["read_chemprop"]

AGGREGATIONS: dict[str, Aggregation] = {
    "MeanAggregation": "mean",
    "SumAggregation": "sum",
    "NormAggregation": "norm",
    "AttentiveAggregation": "attentive",
}
PARTS = {"message_passing.": "", "agg.": "aggregation."}  # how names in a whole model begin, and in the D-MPNN here
# Classes that may stand in a checkpoint: a dictionary and text are read as such, of all others only the name.
PLAIN = {"AttributeDict": dict, "Activation": str}


def read_chemprop(path: Path) -> Weights:
    """The weights of the message passing of a checkpoint, and of its aggregation if that has any.

    Raises:
        InputDataError: it is no checkpoint of chemprop, or its network is none that the D-MPNN here can be; the message
            says what does not fit.
        OSError: it cannot be read.
    """
    content = _content(path)
    if not isinstance(content, Mapping) or not {"hyper_parameters", "state_dict"} <= content.keys():
        raise InputDataError(f"{path} is no checkpoint of chemprop: it lacks hyper_parameters or state_dict")
    with refusing_damage(path):
        return checked(path, _weights(path, content["hyper_parameters"], content["state_dict"]))


def _weights(path: Path, hyper: Mapping[str, Any], tensors: Mapping[str, Any]) -> Weights:
    """The weights of both layouts."""
    whole = "message_passing" in _mapping("hyper_parameters", hyper)
    block = _mapping("message_passing", hyper["message_passing"]) if whole else hyper
    _check_block(path, block)
    shape = Shape(block["d_h"], block["depth"], *_aggregation(path, hyper.get("agg")))
    own = {
        new + name.removeprefix(old): tensor
        for old, new in (PARTS if whole else {"": ""}).items()
        for name, tensor in _mapping("state_dict", tensors).items()
        if name.startswith(old)
    }
    if odd := next((name for name, tensor in own.items() if not isinstance(tensor, torch.Tensor)), None):
        raise TypeError(f"{odd} is no tensor")
    facts = {"origin": f"chemprop checkpoint {path.name}"}
    return Weights(shape, {name: tensor.float() for name, tensor in own.items()}, facts)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever the file holds
    """The value, if it is a mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is no mapping")
    return value


def _content(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """What a checkpoint holds; objects of classes that torch does not read by itself are left empty."""
    try:
        named = [(_stand_in(name), name) for name in get_unsafe_globals_in_checkpoint(path)]
        with safe_globals(named):  # type: ignore[arg-type] # torch takes these pairs, too
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, *MALFORMED) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputDataError(f"{path} cannot be read as a checkpoint of weights: {reason}") from error


def _stand_in(name: str) -> type:
    """A class that does nothing, under the last part of the name of one that a file asks for."""
    last = name.rpartition(".")[2]
    return PLAIN.get(last) or type(last, (), {"__init__": lambda self, *args, **named: None})


def _check_block(path: Path, block: Mapping[str, Any]) -> None:
    """Refuse message passing that the D-MPNN here does not compute."""
    wanted = {
        "d_v": (ATOM_FEATURES, ATOM_FEATURES),
        "d_e": (BOND_FEATURES, BOND_FEATURES),
        "bias": (False, False),
        "activation": ("relu", "relu"),
        "undirected": (False, False),
        "d_vd": (None, None),
        "V_d_transform": (None, None),
        "graph_transform": (None, None),
    }
    for name, (value, default) in wanted.items():
        if (found := block.get(name, default)) != value:
            shown = found if isinstance(found, bool | int | float | str | None) else type(found).__name__
            raise InputDataError(f"{path} does not fit: its message passing has {name} {shown}, here it is {value}")
    if (kind := getattr(block.get("cls"), "__name__", "BondMessagePassing")) != "BondMessagePassing":
        raise InputDataError(f"{path} does not fit: it is a {kind}, here messages go along bonds (BondMessagePassing)")
    if not all(isinstance(block.get(name), int) and block[name] > 0 for name in ("d_h", "depth")):
        raise InputDataError(f"{path} is no checkpoint of chemprop: it lacks d_h or depth")


def _aggregation(path: Path, found: Mapping[str, Any] | None) -> tuple[Aggregation, float]:
    """The aggregation of a whole model and its constant; bare message passing has none."""
    if found is None:
        return "mean", 1.0
    name = getattr(_mapping("agg", found).get("cls"), "__name__", "")
    if name not in AGGREGATIONS:
        raise InputDataError(f"{path} does not fit: its aggregation is {name}, known: {', '.join(AGGREGATIONS)}")
    return AGGREGATIONS[name], float(found.get("norm", 1.0))
