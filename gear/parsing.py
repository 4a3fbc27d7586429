"""Configuration dataclasses from and to plain values, as JSON and TOML hold them."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from gear.errors import InputDataError

__all__ = ["from_dict", "parse_value", "to_dict"]


T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the dataclasses above
    """A configuration as a nested dict of plain values that JSON can hold."""
    return dataclasses.asdict(config)


def from_dict(cls: type[T], data: dict[str, Any], where: str = "") -> T:
    """Build a configuration dataclass from the dict of `to_dict`; missing keys take their defaults.

    Raises:
        InputDataError: an unknown key, a missing required key or a value of the wrong type, named by its path.
    """
    prefix = f"{where}." if where else ""
    if not isinstance(data, dict):
        raise InputDataError(f"{where or cls.__name__} must be an object, got {data!r}")
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - set(fields)):
        raise InputDataError(f"unknown key {prefix}{unknown[0]}; known: {', '.join(fields)}")
    hints = typing.get_type_hints(cls)
    values = {name: parse_value(hints[name], value, f"{prefix}{name}") for name, value in data.items()}
    for name, spec in fields.items():
        required = spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise InputDataError(f"missing key {prefix}{name}")
    return cls(**values)


def parse_value(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - a type annotation and a JSON value
    """The value of a type annotation that a JSON value stands for.

    Args:
        hint: the annotation.
        value: from JSON or TOML.
        where: its path in the configuration, for the error.

    Raises:
        InputDataError: it is not of that type.
    """
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type[Any], hint), value, where)
    if typing.get_origin(hint) is Literal:
        if value in typing.get_args(hint):
            return value
        choices = ", ".join(map(str, typing.get_args(hint)))
        raise InputDataError(f"{where} must be one of {choices}, got {value!r}")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise InputDataError(f"{where} must be a list, got {value!r}")
        return tuple(parse_value(typing.get_args(hint)[0], item, where) for item in value)
    if typing.get_origin(hint) is Mapping:
        if not isinstance(value, Mapping):
            raise InputDataError(f"{where} must be an object, got {value!r}")
        item_hint = typing.get_args(hint)[1]
        return {name: parse_value(item_hint, item, f"{where}.{name}") for name, item in value.items()}
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(value) in allowed or (value is None and types.NoneType in allowed):
        return value
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    names = " or ".join(getattr(a, "__name__", str(a)) for a in allowed)
    raise InputDataError(f"{where} must be {names}, got {value!r}")
