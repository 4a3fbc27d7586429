"""Names of a module that are imported when they are first used, so that a command's `--help` waits for no torch."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(defined: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A module's `__getattr__`.

    Args:
        defined: the names that each other module defines.
    """
    places = {name: module for module, names in defined.items() for name in names}

    def find(name: str) -> Any:  # noqa: ANN401 - whatever has the name
        if name not in places:
            raise AttributeError(f"there is no name '{name}' here")
        return getattr(importlib.import_module(places[name]), name)

    return find
