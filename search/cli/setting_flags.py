"""The flags of a dataclass of settings, see `search.plan.setting`."""

import argparse
import re
import typing
from typing import Any, Literal

from gear.command_line import LARGEST
from search.plan.setting import Setting, settings_of

__all__ = ["add_settings", "given_settings", "seconds", "shown"]


def add_settings(group: argparse._ArgumentGroup, settings: type) -> None:
    """Add a flag for each setting; one that is left out is None."""
    for setting in settings_of(settings):
        group.add_argument(
            setting.flag,
            dest=setting.name,
            help=f"{setting.help} (default: {shown(setting.default)})".replace("%", "%%"),
            **_reading(setting),
        )


def given_settings(args: argparse.Namespace, settings: type) -> dict[str, Any]:
    """The settings that flags were given for."""
    values = {setting.name: getattr(args, setting.name) for setting in settings_of(settings)}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if value is not None
    }


def seconds(text: str) -> float:
    """A duration, 90s, 45m or 12h; without a unit, seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a duration: write 90s, 45m or 12h")
    found = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
    if found > LARGEST:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is longer than {LARGEST:,} seconds")
    return found


def shown(value: object) -> str:
    """A default, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reading(setting: Setting) -> dict[str, Any]:
    """How argparse reads a value of the setting's type."""
    if setting.kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if typing.get_origin(setting.kind) is Literal:
        return {"choices": typing.get_args(setting.kind)}
    if typing.get_origin(setting.kind) is tuple:
        return {"nargs": "+", "metavar": setting.metavar}
    return {"type": seconds if setting.unit == "s" else setting.kind, "metavar": setting.metavar}
