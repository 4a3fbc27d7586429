"""Converts export folders of older formats to the current one.

1   a pair had one source, modules were called `target` and `source`, the only methods were GEAR and single-task
2   one member in the folder itself; no fingerprints, no usage
3   settings of a trial that came later are missing
4   all members have the same weight; no calibration of prediction intervals
5   scores of a calibration have no weights: each counts as one molecule
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gear.recorded import complete

__all__ = ["current_config", "current_weights"]

# prefixes of names in format 1 and today; the first that fits applies
RENAMED = {
    "gear": [
        ("target.embedding.", "embeddings.0.network."),
        ("source.embedding.", "embeddings.1.network."),
        ("target.", "branches.0."),
        ("source.", "branches.1."),
    ],
    "stl": [
        ("target.embedding.", "network.embedding.network."),
        ("target.head.", "network.heads.0."),
        ("target.", "network."),
    ],
}


def current_config(info: dict[str, Any]) -> dict[str, Any]:
    """A config.json of any format in the current one; `format` keeps its value."""
    if info["format"] >= 5:
        return info
    members = info["members"] if info["format"] >= 3 else [_only_member(info)]
    return info | {"members": [_weighted(member, len(members)) for member in members]}


def current_weights(tensors: Mapping[str, Tensor], info: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a member, under the names that its model has today."""
    renamed = RENAMED[info["members"][0]["trial"]["config"]["method"]] if info["format"] == 1 else []
    return {_renamed(name, renamed): tensor for name, tensor in tensors.items()}


def _only_member(info: Mapping[str, Any]) -> dict[str, Any]:
    """The member of formats 1 and 2."""
    trial = _two_task_trial(info["trial"]) if info["format"] == 1 else info["trial"]
    return {"trial": trial, **{name: info[name] for name in ("scaler", "split", "split_hash")}}


def _weighted(member: dict[str, Any], members: int) -> dict[str, Any]:
    """A member with all settings of its trial, and with its weight."""
    trial = member["trial"]
    return member | {"trial": trial | {"config": complete(trial["config"])}, "weight": 1 / members}


def _renamed(name: str, rules: list[tuple[str, str]]) -> str:
    return next((new + name.removeprefix(old) for old, new in rules if name.startswith(old)), name)


def _two_task_trial(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial of format 1."""
    pair, config = trial["pair"], trial["config"]
    training = dict(config["training"])
    epochs = training.pop("warm_start_epochs")
    training |= {"warm_start": epochs > 0} | ({"source_epochs": epochs} if epochs else {})
    sources = {"target": pair["target"], "sources": [pair["source"]]}
    return trial | {"pair": sources, "config": config | {"training": training}}
