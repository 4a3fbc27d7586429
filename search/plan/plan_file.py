"""A plan as plain data and as a TOML file: what is written can be read back."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from gear.config import KEY_VERSION, KeyVersion, PairSpec
from gear.data import expand_splits
from gear.errors import InputDataError
from gear.parsing import from_dict, parse_value, to_dict
from gear.recorded import recorded_config
from search.plan.campaign_plan import CampaignPlan, expand_methods, expand_pairs
from search.plan.settings import SearchSettings

__all__ = ["plan_from_dict", "plan_to_dict", "plan_to_toml", "read_plan"]


def plan_to_dict(plan: CampaignPlan) -> dict[str, Any]:
    """The plain dict of a plan: built-in pairs by their id, those with keys of an earlier version in full."""
    by_id = [pair.is_built_in and pair.key_version == KEY_VERSION for pair in plan.pairs]
    pairs = [pair.id if short else to_dict(pair) for pair, short in zip(plan.pairs, by_id, strict=True)]
    names = {"pairs": pairs, "splits": list(plan.splits), "methods": list(plan.methods)}
    return {**to_dict(plan), **names, "key_version": KEY_VERSION}


def plan_from_dict(data: Mapping[str, Any]) -> CampaignPlan:
    """The plan of `plan_to_dict`'s dict; what is missing takes the default, pairs may be globs.

    Only `key_version` does not: a dict without it is that of a version whose pairs had keys of version 1.

    Raises:
        InputDataError: unknown key or wrong type, named by its path.
        UnknownNameError: an unknown pair, split or method.
    """
    known = ("name", "preset", "pairs", "splits", "methods", "search", "config", "key_version")
    if unknown := sorted(set(data) - set(known)):
        raise InputDataError(f"unknown key {unknown[0]} in the plan; known: {', '.join(known)}")
    for name in ("pairs", "splits", "methods"):
        if not isinstance(data.get(name), list):
            raise InputDataError(f"the plan's {name} must be a list")
    for name in ("splits", "methods"):
        if not all(isinstance(item, str) for item in data[name]):
            raise InputDataError(f"the plan's {name} must be names")
    if not isinstance(data.get("config", {}), Mapping):
        raise InputDataError("the plan's config must be a table")
    pairs: list[PairSpec] = []
    for pair in data["pairs"]:
        found = [from_dict(PairSpec, pair, "pairs")] if isinstance(pair, dict) else expand_pairs([str(pair)])
        named = isinstance(pair, dict) and "key_version" in pair
        pairs += found if named else [_with_version(one, data.get("key_version", 1)) for one in found]
    return CampaignPlan(
        name=str(data.get("name", "")),
        preset=str(data.get("preset", "plan")),
        pairs=tuple(pairs),
        splits=expand_splits(data["splits"]),
        methods=tuple(data["methods"]),
        search=from_dict(SearchSettings, _with_todays_names(data.get("search", {})), "search"),
        config=recorded_config(data.get("config", {}), "config"),
    )


def _with_version(pair: PairSpec, version: Any) -> PairSpec:  # noqa: ANN401 - whatever a file holds there
    return dataclasses.replace(pair, key_version=parse_value(KeyVersion, version, "key_version"))


# Settings of a search by the names that earlier versions recorded. The grace period was counted in epochs, of at least
# one step each.
_RENAMED = {"grace_period": "grace_steps", "share": "transfer_starts", "warm_start": "earlier_campaigns"}


def _with_todays_names(search: Any) -> Any:  # noqa: ANN401 - whatever a file holds there
    """Settings of a search as an earlier version recorded them, under the names that they have now.

    An old name beside the new one is left, to be refused as unknown.
    """
    if not isinstance(search, dict):
        return search
    new = {name: _RENAMED[name] for name in _RENAMED.keys() & search if _RENAMED[name] not in search}
    return {new.get(name, name): value for name, value in search.items()}


def read_plan(path: Path) -> CampaignPlan:
    """Parse a plan file, TOML.

    Raises:
        InputDataError: unreadable, or not a plan.
        UnknownNameError: an unknown pair, split or method.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputDataError(f"cannot read plan {path}: {error}") from error
    if isinstance(methods := data.get("methods"), list):
        data["methods"] = [*expand_methods([*map(str, methods)])]
    return plan_from_dict({"key_version": KEY_VERSION} | data)


def plan_to_toml(plan: CampaignPlan) -> str:
    """The text that `read_plan` reads."""
    return tomli_w.dumps(_without_none(plan_to_dict(plan)))


def _without_none(value: Any) -> Any:  # noqa: ANN401 - any value of a plan
    """The value without the keys that are None, which TOML does not have; a missing key is read as None."""
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
