"""A user's own method: one class in a module of theirs, with a `MethodSpec` as its attribute `spec`.

Commands take its import path, `my_method:MyMethod`. Campaigns, trials and exports name it by NAME=PATH, as entry points
of Python packages are written: `my_name=my_method:MyMethod`. Whoever only reads them knows its name without the module.
"""

import dataclasses
import re

from gear.errors import InputDataError
from gear.methods.spec import MethodSpec
from gear.plugins import is_import_path, load_object, path_of

__all__ = ["is_plugin", "load_plugin", "plugin_name", "short_name"]


def plugin_name(spec: MethodSpec) -> str:
    """What a plug-in is named by in campaigns, trials and exports."""
    return f"{spec.name}={spec.model}"


def is_plugin(method: str) -> bool:
    """Whether a method is named as `plugin_name` does, or by its import path."""
    name, given, path = method.rpartition("=")
    return is_import_path(path) and (not given or re.fullmatch(r"[a-z0-9_-]+", name) is not None)


def short_name(method: str) -> str:
    """The name of a method in a study's name, a table, a chart."""
    return method.partition("=")[0]


def load_plugin(method: str) -> MethodSpec:
    """Import a plug-in and read its specification.

    Raises:
        InputDataError: it cannot be imported, is no method, or has another name than it was recorded by.
    """
    from gear.methods.base import Model  # torch, not before a plug-in is asked for
    from gear.methods.fitted import FittedMethod

    path = path_of(method)
    found = load_object(path, "method")
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise InputDataError(f"method '{path}' must be a class derived from gear.methods.base.Method or FittedMethod")
    spec = vars(found).get("spec")  # its own, not that of a method it derives from
    if not isinstance(spec, MethodSpec):
        raise InputDataError(f"method '{path}' has no specification: give the class spec = MethodSpec(...)")
    if spec.fits_at_once != issubclass(found, FittedMethod):
        raise InputDataError(
            f"method '{path}': spec.fits_at_once must be true where the class is derived from "
            "gear.methods.fitted.FittedMethod, and false elsewhere"
        )
    if method not in (path, f"{spec.name}={path}"):
        raise InputDataError(
            f"method '{path}' is recorded as {short_name(method)}, but its spec has the name {spec.name}"
        )
    return dataclasses.replace(spec, model=path)
