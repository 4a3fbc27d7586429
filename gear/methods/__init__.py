"""The methods of the search, one interface each: configuration -> model -> loss terms of a batch."""

from gear.config import TrialConfig
from gear.errors import UnknownNameError
from gear.methods.base import LossTerms, Method
from gear.methods.distil import Distilled, GlobalStructureDistilled
from gear.methods.finetune import FinetuneAll, FinetuneHead
from gear.methods.gate import Gate
from gear.methods.gear import Gear
from gear.methods.mtl import MultiTask
from gear.methods.stl import SingleTask

__all__ = ["METHODS", "LossTerms", "Method", "build_method"]

METHODS: dict[str, type[Method]] = {
    "gear": Gear,
    "gate": Gate,
    "stl": SingleTask,
    "mtl": MultiTask,
    "finetune_all": FinetuneAll,
    "finetune_head": FinetuneHead,
    "kd": Distilled,
    "gsp_kd": GlobalStructureDistilled,
}


def build_method(config: TrialConfig, sources: int = 1) -> Method:
    """The untrained model of a configuration, on the CPU, initialised by PyTorch's global generator.

    Args:
        config: of the trial.
        sources: how many source tasks there are.

    Raises:
        UnknownNameError: no such method.
        InputDataError: the configuration asks for what the method cannot do.
    """
    if config.method not in METHODS:
        raise UnknownNameError("method", config.method, list(METHODS))
    return METHODS[config.method](config, sources)
