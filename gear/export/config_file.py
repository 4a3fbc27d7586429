"""Checks the config.json of an export folder, which may be older, damaged or forged, before anything is made of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gear.config import TrialSpec
from gear.errors import InputDataError
from gear.label_scaler import Scaler
from gear.parsing import from_dict, parse_value
from gear.units import check_unit

__all__ = ["ColumnRange", "MemberInfo", "column_ranges", "member_infos"]

TEXTS = ("property", "unit", "split")  # that a prediction or a message shows


@dataclass(frozen=True, slots=True)
class ColumnRange:
    """The values of a feature column that at least one member was trained on."""

    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """What a member was trained as, the scaler of its labels, and its weight in the mean."""

    trial: TrialSpec
    scaler: Scaler
    weight: float


def member_infos(info: Mapping[str, Any]) -> tuple[MemberInfo, ...]:
    """The members of an export, at least one, with weights that sum to 1.

    Args:
        info: config.json in the current format.

    Raises:
        InputDataError: something that a prediction needs is missing, of the wrong type or out of range.
    """
    for name in TEXTS:
        if not parse_value(str, info.get(name), name).isprintable():
            raise InputDataError(f"{name} has characters that are not printable")
    check_unit(info["unit"])
    listed = info.get("members")
    if not isinstance(listed, list) or not listed:
        raise InputDataError("members must be a list of at least one")
    members = tuple(_member(member, f"members[{index}]") for index, member in enumerate(listed))
    if not math.isclose(total := sum(member.weight for member in members), 1, rel_tol=1e-6):
        raise InputDataError(f"the weights of the members sum to {total:g}, not to 1")
    features = {member.trial.pair.target.features for member in members}
    if len(features) > 1 or set(*features) != set(column_ranges(info)):
        raise InputDataError("columns are not those that the members read")
    return members


def column_ranges(info: Mapping[str, Any]) -> dict[str, ColumnRange]:
    """The feature columns that the members read.

    Raises:
        InputDataError: they are not described by three finite numbers each.
    """
    columns = parse_value(Mapping[str, ColumnRange], info.get("columns", {}), "columns")
    for name, column in columns.items():
        if not -math.inf < column.minimum <= column.mean <= column.maximum < math.inf:
            raise InputDataError(f"columns.{name} has no range")
    return dict(columns)


def _member(member: object, where: str) -> MemberInfo:
    if not isinstance(member, Mapping):
        raise InputDataError(f"{where} must be an object, got {member!r}")
    used = {name: member[name] for name in ("trial", "scaler", "weight") if name in member}  # others are for readers
    found = from_dict(MemberInfo, used, where)
    if not (math.isfinite(found.scaler.mean) and 0 < found.scaler.sd < math.inf):
        raise InputDataError(f"{where}.scaler must have a finite mean and a positive standard deviation")
    if not 0 < found.weight <= 1:
        raise InputDataError(f"{where}.weight must be above 0 and at most 1, got {found.weight:g}")
    return found
