"""Several networks of one structure computed as one: every parameter and buffer has a leading dimension of G groups.

A grouped module is called on values with the same leading dimension, (G, ..., inputs), and does what the G modules
would do one after the other, in one operation for all. In the state of a model each group keeps the names that a
module of its own has, `branches.0.head.0.weight`, so that checkpoints and exports do not depend on what is computed
together.
"""

import copy
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Linear", "apart", "groups_of", "linear", "load_each", "merge", "part", "split_parameters", "stack"]

M = TypeVar("M", bound=nn.Module)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X W^T + b along the last dimension.

    Args:
        x: (..., inputs) or, for grouped weights, (G, ..., inputs).
        weight: (outputs, inputs) or (G, outputs, inputs).
        bias: (outputs,) or (G, outputs).
    """
    if weight.dim() == 2:
        return functional.linear(x, weight, bias)
    rows = x.flatten(1, -2)
    out = rows @ weight.mT if bias is None else torch.baddbmm(bias[:, None], rows, weight.mT)
    return out if x.dim() == 3 else out.unflatten(1, x.shape[1:-1])


class Linear(nn.Linear):
    """A linear layer, of one network or of G."""

    def forward(self, x: Tensor) -> Tensor:
        """Values (..., outputs) of values (..., inputs); see `linear`."""
        return linear(x, self.weight, self.bias)


def merge(modules: Sequence[M]) -> M:
    """One module with the tensors of all, groups of modules that are grouped already (T each) side by side.

    G modules give tensors (G, ...); M modules of T groups give (T M, ...), the first groups of all modules first.
    """

    def merged(is_grouped: bool, tensors: Sequence[Tensor]) -> Tensor:
        found = torch.stack([tensor.detach() for tensor in tensors], 1 if is_grouped else 0)
        return found.flatten(0, 1) if is_grouped else found

    whole = copy.deepcopy(modules[0])
    for (module, is_grouped), *others in zip(_walk(whole), *map(_walk, modules), strict=True):
        parts = [other for other, _ in others]
        for name, parameter in module._parameters.items():
            if parameter is not None:
                found = merged(is_grouped, [one._parameters[name] for one in parts])
                module._parameters[name] = nn.Parameter(found, requires_grad=parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = merged(is_grouped, [one._buffers[name] for one in parts])
    return whole


def stack(modules: Sequence[M]) -> M:
    """The modules as one grouped module, whose state has the names of a `ModuleList` of them."""
    whole = merge(modules)
    whole.stacked = len(modules)  # type: ignore[assignment]
    whole.register_state_dict_post_hook(_split_state)  # type: ignore[no-untyped-call]
    whole.register_load_state_dict_pre_hook(_join_state)  # type: ignore[no-untyped-call]
    return whole


def groups_of(module: nn.Module) -> int | None:
    """How many modules were stacked, None if it is a module of its own."""
    return module.__dict__.get("stacked")


def part(module: M, start: int, stop: int | None = None) -> M:
    """The groups from `start` to `stop` of a grouped module; gradients and updated buffers reach the module itself."""
    return _with_tensors(module, lambda tensor: tensor[start:stop])


def apart(module: M) -> list[M]:
    """The modules that were stacked, one for each group; their tensors are views of the grouped module's."""

    def view(tensor: Tensor, group: int) -> Tensor:
        found = tensor.detach()[group]
        return nn.Parameter(found, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else found

    found = []
    for group in range(groups_of(module) or 0):
        one = _with_tensors(module, functools.partial(view, group=group))
        one.__dict__ |= {
            "stacked": None,
            "_state_dict_hooks": OrderedDict(),
            "_load_state_dict_pre_hooks": OrderedDict(),
        }
        found.append(one)
    return found


def load_each(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load the state of one network into a module, into all of its groups where it is grouped."""
    own = {name: tensor for name, tensor in chain(module.named_parameters(), module.named_buffers())}
    shaped = {name: tensor.expand_as(own[name]) if name in own else tensor for name, tensor in tensors.items()}
    module.load_state_dict(shaped)


class Place(NamedTuple):
    """Where a tensor of a model's state lies: a parameter, and its group where the parameter is grouped."""

    name: str  # in the state
    parameter: nn.Parameter
    group: int | None


def split_parameters(model: nn.Module) -> list[Place]:
    """The parameters of a model by their names in its state, in the order of the state."""
    stacks = {name: count for name, module in model.named_modules() if (count := groups_of(module))}
    found: list[Place] = []
    waiting: list[tuple[str, nn.Parameter]] = []
    current = None
    for name, parameter in chain(model.named_parameters(), [("", None)]):
        holder = next((stack for stack in stacks if name.startswith(f"{stack}.")), None)
        if holder != current and current is not None:
            cut = len(current)
            found += [Place(f"{current}.{g}{n[cut:]}", p, g) for g in range(stacks[current]) for n, p in waiting]
            waiting = []
        current = holder
        if parameter is not None:
            waiting.append((name, parameter)) if holder else found.append(Place(name, parameter, None))
    return found


def _walk(module: nn.Module, is_grouped: bool = False) -> Iterator[tuple[nn.Module, bool]]:
    """All modules with whether they are grouped, in a fixed order."""
    is_grouped = is_grouped or groups_of(module) is not None
    yield module, is_grouped
    for child in module.children():
        yield from _walk(child, is_grouped)


def _with_tensors(module: M, change: Callable[[Tensor], Tensor]) -> M:
    """The module with other tensors; cheaper than a copy, for nothing else is copied."""
    changed = object.__new__(type(module))
    changed.__dict__ = {
        **module.__dict__,
        "_parameters": {name: None if t is None else change(t) for name, t in module._parameters.items()},
        "_buffers": {name: None if t is None else change(t) for name, t in module._buffers.items()},
        "_modules": {n: None if m is None else _with_tensors(m, change) for n, m in module._modules.items()},
    }
    return changed


def _split_state(module: nn.Module, state: dict[str, Tensor], prefix: str, _: Any) -> None:  # noqa: ANN401
    """Replace the grouped tensors by those of each group."""
    cut = len(prefix)
    grouped = {name: state.pop(name) for name in [name for name in state if name.startswith(prefix)]}
    for group in range(groups_of(module) or 0):
        state.update({f"{prefix}{group}.{name[cut:]}": tensor[group] for name, tensor in grouped.items()})


def _join_state(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:  # noqa: ANN401
    """Put the tensors of the groups together; a name that a group lacks is left for `load_state_dict` to report."""
    count, cut = groups_of(module) or 0, len(f"{prefix}0.")
    for name in [name[cut:] for name in state if name.startswith(f"{prefix}0.")]:
        names = [f"{prefix}{group}.{name}" for group in range(count)]
        if all(each in state for each in names):
            state[f"{prefix}{name}"] = torch.stack([state.pop(each) for each in names])
