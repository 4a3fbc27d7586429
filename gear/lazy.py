"""Names of a module that are imported when they are first used, so that a command's `--help` waits for no torch."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(module: str, defined: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A module's `__getattr__`; a name that was found once is an attribute of the module from then on.

    Args:
        module: its name.
        defined: the names that each other module defines.
    """
    places = {name: home for home, names in defined.items() for name in names}

    def find(name: str) -> Any:  # noqa: ANN401 - whatever has the name
        if name not in places:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        value = getattr(importlib.import_module(places[name]), name)
        setattr(sys.modules[module], name, value)
        return value

    return find
