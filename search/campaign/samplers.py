"""The samplers that propose trials: built-in ones by name, any other one of Optuna's kind by its import path.

A sampler is made afresh, with a seed, for every proposal. What it proposes is therefore a function of the recorded
trials, their number and the seed of the campaign. How to write one: docs/plugins/sampler.md.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gear.errors import GearError, InputDataError, UnknownNameError, in_a_line
from gear.plugins import is_import_path, load_object
from gear.results import STATES, State

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["SAMPLERS", "Sampler", "find_sampler"]

SAMPLERS = {
    "tpe": "search.campaign.builtin_samplers:TPE",
    "gp": "search.campaign.builtin_samplers:GP",
    "random": "search.campaign.builtin_samplers:Random",
}
LEARNS_FROM: tuple[State, ...] = ("complete", "pruned")  # of a sampler that does not say it


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler by its name.

    Attributes:
        name: recorded in the plan, and as the origin of the trials that it proposes.
        factory: a class or a function, called with `seed=`.
        learns_from: states of the ended trials that it learns from. It is asked once `startup_trials` of them have
            ended; a sampler that learns from none is asked from the beginning.
    """

    name: str
    factory: "Callable[..., BaseSampler]"
    learns_from: tuple[State, ...]

    @property
    def built_in(self) -> bool:
        """Whether it leaves nothing in Optuna's study that it would read at a later proposal."""
        return self.name in SAMPLERS

    def make(self, seed: int) -> "BaseSampler":
        """A new sampler, without Optuna's warning that it, or one of its settings, is experimental."""
        from optuna.exceptions import ExperimentalWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return self.factory(seed=seed)


def find_sampler(name: str) -> Sampler:
    """A built-in sampler, or the one at an import path, `my_module:MySampler`.

    What is there is a class or a function, called with `seed=`. Its attribute `learns_from` says which trials it learns
    from; without this attribute it learns from complete and pruned ones.

    Raises:
        UnknownNameError: no built-in sampler has this name.
        InputDataError: there is nothing at this path, or it makes no sampler.
    """
    from optuna.samplers import BaseSampler

    if name not in SAMPLERS and not is_import_path(name):
        raise UnknownNameError("sampler", name, (*SAMPLERS, "my_module:MySampler"))
    factory = load_object(SAMPLERS.get(name, name), "sampler")
    if isinstance(factory, BaseSampler) or not callable(factory):
        raise InputDataError(
            f"sampler {name} is {type(factory).__name__}, not a class or a function that makes a sampler of a seed"
        )
    learns_from = tuple(getattr(factory, "learns_from", LEARNS_FROM))
    if unknown := sorted({*learns_from} - {*STATES}):
        raise InputDataError(f"sampler {name}: learns_from has '{unknown[0]}'; known: {', '.join(STATES)}")
    sampler = Sampler(name, factory, learns_from)
    try:
        made = sampler.make(seed=0)
    except GearError:
        raise
    except Exception as error:
        raise InputDataError(f"sampler {name} cannot be made with seed=0: {in_a_line(error)}") from error
    if not isinstance(made, BaseSampler):
        raise InputDataError(f"sampler {name} gives {type(made).__name__}, not an optuna.samplers.BaseSampler")
    return sampler
