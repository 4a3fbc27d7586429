"""A setting of a search, described once: default, meaning, range, and what a resumed campaign may do with it.

The range check, the command-line flags, what `--resume` accepts and the table in docs/operations.md follow from it.
"""

import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from gear.errors import InputDataError

__all__ = ["Setting", "check_ranges", "setting", "settings_of"]

T = TypeVar("T")
Resume = Literal["fixed", "free", "grows"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a field made by `setting`.

    Attributes:
        name: of the field.
        kind: its type.
        default: its value where nothing else is asked for.
        help: one line for people.
        minimum: the smallest value, None for any.
        above: values must be greater than this, None for any.
        resume: a resumed campaign keeps it (`fixed`), may change it (`free`), or may only raise it (`grows`).
        metavar: stands for the value in the help.
        unit: `s` for durations, which flags read as 90s, 45m or 12h.
        flag: on the command line; by default made of the name.
    """

    name: str
    kind: Any
    default: Any
    help: str
    minimum: float | None
    above: float | None
    resume: Resume
    metavar: str
    unit: str
    flag: str


def setting(
    default: T,
    help: str,
    *,
    minimum: float | None = None,
    above: float | None = None,
    resume: Resume = "fixed",
    metavar: str = "N",
    unit: str = "",
    flag: str = "",
) -> T:
    """A field of a dataclass of settings; `Setting` says what the arguments mean."""
    facts = {"help": help, "minimum": minimum, "above": above, "resume": resume}
    value: T = field(default=default, metadata={**facts, "metavar": metavar, "unit": unit, "flag": flag})
    return value


def settings_of(settings: Any) -> tuple[Setting, ...]:  # noqa: ANN401 - a dataclass, or an instance
    """The settings of a dataclass or its instance, in order."""
    return tuple(
        Setting(
            **{**found.metadata, "flag": found.metadata["flag"] or "--" + found.name.replace("_", "-")},
            name=found.name,
            kind=found.type,
            default=found.default,
        )
        for found in fields(settings)
    )


def check_ranges(settings: object, group: str) -> None:
    """Refuse values out of range.

    Args:
        settings: an instance of a dataclass of settings.
        group: its name in a plan, for the error.

    Raises:
        InputDataError: a value is out of range.
    """
    for one in settings_of(settings):
        value = getattr(settings, one.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputDataError(f"{group}.{one.name} must be a finite number, got {value}")
        if one.minimum is not None and not value >= one.minimum:
            raise InputDataError(f"{group}.{one.name} must be at least {one.minimum:g}, got {value}")
        if one.above is not None and not value > one.above:
            raise InputDataError(f"{group}.{one.name} must be greater than {one.above:g}, got {value}")
