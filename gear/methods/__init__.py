"""The methods of the search, one interface each: configuration -> model -> loss terms of a batch.

Each built-in method is a folder: its specification, which needs no torch, and beside it the model. A user's own is one
file (docs/plugins/method.md).
"""

import dataclasses
from typing import TYPE_CHECKING

from gear.config import TrialConfig
from gear.errors import InputDataError, UnknownNameError
from gear.methods.classical import BOOSTING, DELTA, GP, SVR
from gear.methods.distil import GSP_KD, KD
from gear.methods.finetune import FINETUNE_ALL, FINETUNE_HEAD
from gear.methods.gate import GATE
from gear.methods.gear import GEAR
from gear.methods.mtl import MTL
from gear.methods.plugin import is_plugin, load_plugin
from gear.methods.spec import MethodSpec
from gear.methods.stl import STL
from gear.plugins import load_object
from gear.variants import VARIANTS, method_of, with_values

if TYPE_CHECKING:
    from gear.methods.base import Model

__all__ = ["METHODS", "SOURCELESS", "base_of", "build_method", "find_method", "method_class"]

METHODS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (GEAR, GATE, STL, MTL, FINETUNE_ALL, FINETUNE_HEAD, KD, GSP_KD, SVR, GP, BOOSTING, DELTA)
}
SOURCELESS = tuple(name for name, spec in METHODS.items() if not spec.uses_sources)


def find_method(name: str) -> MethodSpec:
    """The specification of a method.

    Args:
        name: of a built-in method, or a plug-in's import path or recorded name (`gear.methods.plugin`).

    Raises:
        UnknownNameError: no such method.
        InputDataError: a plug-in that cannot be used.
    """
    if name in METHODS:
        return METHODS[name]
    if not is_plugin(name):
        raise UnknownNameError("method", name, (*METHODS, *VARIANTS, "my_module:MyMethod"))
    spec = load_plugin(name)
    if spec.name in (*METHODS, *VARIANTS):
        raise InputDataError(f"method '{spec.model}' is named {spec.name} as one that comes with gear: rename it")
    return spec


def method_class(name: str) -> "type[Model]":
    """The class of a method, which `find_method` describes; imports torch."""
    found: type[Model] = load_object(find_method(name).model, "method")
    return found


def base_of(name: str, base: TrialConfig) -> TrialConfig:
    """The configuration of a method or variant before the search changes it.

    Args:
        name: of the method or variant.
        base: what is common to all methods; of its `settings` those are kept that the method has.
    """
    variant = method_of(name)
    spec = find_method(variant.method)
    settings = {setting: value for setting, value in base.settings.items() if setting in spec.settings}
    config = spec.completed(dataclasses.replace(base, method=variant.method, settings=settings))
    return with_values(config, variant.fixed)


def build_method(config: TrialConfig, sources: int = 1, columns: int = 0) -> "Model":
    """The untrained model of a configuration, on the CPU, initialised by PyTorch's global generator.

    Args:
        config: of the trial.
        sources: how many source tasks there are.
        columns: how many feature columns models read beside the molecule, `TaskSpec.features` of the target.

    Raises:
        UnknownNameError: no such method.
        InputDataError: the configuration asks for what the method cannot do, the method learns from sources and there
            is none, or a plug-in cannot be used.
    """
    method = method_class(config.method)(find_method(config.method).completed(config), sources)
    if not sources and method.learns_from_sources:
        raise InputDataError(
            f"the target has no source, which method {method.spec.name} learns from: name one, or use one of "
            f"{' '.join(SOURCELESS)}"
        )
    if columns:
        method.read_columns(columns)
    return method
