"""A user's own code by its import path, `my_module:MyThing`: what a name with a colon means."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from gear.config import TrialConfig, joined_kinds
from gear.errors import InputDataError

__all__ = ["import_path", "import_paths", "is_import_path", "load_object", "path_of", "refuse_code_in", "source_of"]

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
    _see_working_folder()
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


def path_of(name: str) -> str:
    """The import path of a name that is one, or that is written NAME=PATH."""
    return name.rpartition("=")[2]


def import_paths(config: TrialConfig) -> list[str]:
    """The import paths that a configuration names."""
    embedding = config.embedding
    named = (config.method, *joined_kinds(embedding.kind), *joined_kinds(embedding.source_kind))
    return [path for path in map(path_of, named) if is_import_path(path)]


def source_of(path: str) -> Path | None:
    """The file of the outermost module of an import path, or the folder of its package; None where it is not found.

    Nothing is imported.
    """
    return next(iter(_places(path)), None)


def _places(path: str) -> list[Path]:
    """All places that the outermost module is read from; a package may have several."""
    _see_working_folder()
    try:
        found = importlib.util.find_spec(path.partition(":")[0].partition(".")[0])
    except ValueError:  # a module that no file was read for
        return []
    if found is None:
        return []
    places = [*(found.submodule_search_locations or []), *([found.origin] if found.has_location else [])]
    return [Path(place).resolve() for place in places if place]


def refuse_code_in(folder: Path, path: str, kind: str) -> None:
    """Refuse an import path that leads into a folder of somebody else's, whose code must not run.

    Args:
        folder: for instance an export.
        path: that a file in it names.
        kind: what lies there, for people.

    Raises:
        InputDataError: it does.
    """
    for place in _places(path):
        if place.is_relative_to(folder.resolve()):
            raise InputDataError(
                f"{kind} '{path}': {place} is part of {folder}, whose code is not run: run in the folder that holds "
                "your own copy, or install it"
            )


def _see_working_folder() -> None:
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)  # last, so that no file there hides an installed module
    importlib.invalidate_caches()


def import_path(thing: Any, kind: str) -> str:  # noqa: ANN401 - a class, a function, or what is mistaken for one
    """The import path of a class or function, as a plan records it.

    Args:
        thing: to be found again by its path.
        kind: what it is, for people.

    Raises:
        InputDataError: it would not be found again: it is not a name at the top level of a module in a file.
    """
    path = f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', '')}"
    if path.startswith("__main__:") or not is_import_path(path) or load_object(path, kind) is not thing:
        raise InputDataError(
            f"{kind} {thing!r} has no import path: define it at the top level of a module and import it"
        )
    return path
