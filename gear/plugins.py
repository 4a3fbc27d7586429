"""A user's own code by its import path, `my_module:MyThing`: what a name with a colon means."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from gear.errors import InputDataError

__all__ = ["is_import_path", "load_object"]

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_import_path(name: str) -> bool:
    """Whether a name has the form `package.module:object`."""
    return _PATH.fullmatch(name) is not None


def load_object(path: str, kind: str) -> Any:  # noqa: ANN401 - whatever lies there; the caller checks what it is
    """The object at an import path; modules in the working folder are found as installed ones are.

    Args:
        path: `package.module:object`.
        kind: what the object should be, for people: "embedding", "method".

    Raises:
        InputDataError: no such form, module or object, or the module needs another one that is missing. Whatever else
            the module raises keeps its traceback, for its author.
    """
    if not is_import_path(path):
        raise InputDataError(f"{kind} '{path}' is not an import path: write it as my_module:MyObject")
    module_name, _, name = path.partition(":")
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)  # last, so that no file there hides an installed module
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            file = module_name.replace(".", "/") + ".py"
            raise InputDataError(
                f"{kind} '{path}': there is no module {error.name}: run in the folder that holds {file}, or install it"
            ) from error
        raise InputDataError(f"{kind} '{path}': module {module_name} cannot be imported ({error})") from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise InputDataError(f"{kind} '{path}': {module.__file__} has no '{name}'") from error
