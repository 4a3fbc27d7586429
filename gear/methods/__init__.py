"""The methods of the search, one interface each: configuration -> model -> loss terms of a batch."""

from gear.config import TrialConfig
from gear.errors import UnknownNameError
from gear.methods.base import LossTerms, Method
from gear.methods.gear import Gear
from gear.methods.stl import SingleTask

__all__ = ["METHODS", "LossTerms", "Method", "build_method"]

METHODS: dict[str, type[Method]] = {"gear": Gear, "stl": SingleTask}


def build_method(config: TrialConfig) -> Method:
    """The untrained model of a configuration, on the CPU, initialised by PyTorch's global generator.

    Raises:
        UnknownNameError: no such method.
        InputDataError: the configuration asks for what the method cannot do.
    """
    if config.method not in METHODS:
        raise UnknownNameError("method", config.method, list(METHODS))
    return METHODS[config.method](config)
