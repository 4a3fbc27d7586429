"""Weights, gradients, moments and averages of models in a few flat arrays, for clipping, AdamW and averaging.

A model has dozens of small parameters; one operation on each takes longer than the arithmetic. Here a parameter is a
view of an array, and an array holds all parameters of all models that are trained together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from gear.device import send
from gear.grouped import groups_of

__all__ = ["FlatWeights", "Moments", "Rates", "numbers"]

ALIGNED = 16  # numbers; a parameter begins at a multiple of 64 bytes
BETAS, EPS = (0.9, 0.999), 1e-8


class Moments(NamedTuple):
    """What AdamW keeps of a model: running means of the gradient and its square, by parameter, and a step count."""

    first: list[Tensor]
    second: list[Tensor]
    steps: Tensor  # () float32

    @classmethod
    def none_yet(cls, model: nn.Module) -> "Moments":
        """Those before the first step."""
        weights = list(model.parameters())
        first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
        return cls(first, second, torch.zeros((), device=weights[0].device))


@dataclass(frozen=True, slots=True)
class Rates:
    """How a step changes one model: learning rate, weight decay, largest norm of the gradient, average's share."""

    learning_rate: float
    weight_decay: float
    clip: float
    averaged: float


class _Block:
    """The parameters that T tasks of M models have: arrays (T, M, Q)."""

    def __init__(self, tasks: int, members: int, size: int, like: Tensor) -> None:
        shape = (tasks, members, size)
        self.weights, self.gradient, self.first, self.second, self.average = (
            torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(5)
        )


class _Leaf(NamedTuple):
    """Where a parameter lies in a block, and its shape in one model without the dimension of tasks."""

    block: _Block
    first: int
    shape: torch.Size
    is_grouped: bool

    @property
    def last(self) -> int:
        """Place after its last number."""
        return self.first + self.shape.numel()

    def whole(self, array: Tensor) -> Tensor:
        """Its values in an array (T, M, Q), of all models."""
        return array[:, :, self.first : self.last].view(-1, *self.shape)

    def of_member(self, array: Tensor, member: int) -> Tensor:
        """Those of one model."""
        found = array[:, member, self.first : self.last].view(-1, *self.shape)
        return found if self.is_grouped else found[0]


class FlatWeights:
    """The arrays of M models of one structure.

    Args:
        whole: the models as one (`gear.grouped.merge`), or the only one.
        average: as `whole`, with the averaged weights.
        members: the models, whose parameters become views of the arrays, as those of `whole` do; the values are theirs.
        averages: the same of the averages.
        moments: of every model; the arrays take their values.
    """

    def __init__(
        self,
        whole: nn.Module,
        average: nn.Module,
        members: Sequence[nn.Module],
        averages: Sequence[nn.Module],
        moments: Sequence[Moments],
    ) -> None:
        self.count = len(members)
        self.parameters = list(whole.parameters())
        self.leaves = _leaves(members[0], self.count)
        self.blocks = list({id(leaf.block): leaf.block for leaf in self.leaves}.values())
        self._bind(whole, members, lambda block: block.weights)
        self._bind(average, averages, lambda block: block.average)
        self.steps = [one.steps for one in moments]
        for member, one in enumerate(moments):
            for values, role in ((one.first, "first"), (one.second, "second")):
                for index, leaf in enumerate(self.leaves):
                    view = leaf.of_member(getattr(leaf.block, role), member)
                    values[index] = view.copy_(values[index])
        self._gradients = [leaf.whole(leaf.block.gradient) for leaf in self.leaves]
        self._trained: dict[tuple[bool, ...], list[list[list[Tensor]]]] = {}
        self._was_trained: tuple[bool, ...] = ()

    def _bind(self, whole: nn.Module, members: Sequence[nn.Module], role: Callable[[_Block], Tensor]) -> None:
        for parameters in zip(self.leaves, whole.parameters(), *(one.parameters() for one in members), strict=True):
            leaf, of_all, *each = parameters
            for member, parameter in enumerate(each):
                view = leaf.of_member(role(leaf.block), member)
                parameter.data = view.copy_(parameter.data)
            if self.count > 1:
                of_all.data = leaf.whole(role(leaf.block))

    def step(self, rates: Sequence[Rates | None], *, only_sources: bool = False) -> Tensor:
        """Clip the gradients, step, and average the weights of every model.

        Args:
            rates: of every model; one without is left as it is.
            only_sources: the target's part of parameters that have one for each task is not trained.

        Returns:
            Whose gradient was finite (M,), bool; the others' weights are not changed. Nothing waits for the device.
        """
        trained = self._gather()
        norm = self._norms()
        finite = norm.isfinite()
        factor = (numbers([rate.clip if rate else 0.0 for rate in rates], norm) / (norm + 1e-6)).clamp(max=1.0)
        factor = torch.where(finite, factor, 0.0)  # NaN would stay in the places between parameters
        for block in self.blocks:
            block.gradient.mul_(factor[:, None])
        skipped = (~finite).float()
        for member, rate in enumerate(rates):
            if rate is not None:
                self._adamw(self._parts(trained, member, only_sources=only_sources), member, rate, skipped[member])
        self._average([rate.averaged if rate else 0.0 for rate in rates])
        return finite

    def reset(self) -> None:
        """Forget the moments, and begin the averages with the weights as they are."""
        for block in self.blocks:
            block.first.zero_()
            block.second.zero_()
            block.average.copy_(block.weights)
        for steps in self.steps:
            steps.zero_()

    def _gather(self) -> tuple[bool, ...]:
        """Move the gradients to the arrays; returns which parameters have one."""
        found = [parameter.grad for parameter in self.parameters]
        trained = tuple(gradient is not None for gradient in found)
        if trained != self._was_trained:
            for block in self.blocks:
                block.gradient.zero_()
            self._was_trained = trained
        given = [gradient for gradient in found if gradient is not None]
        if given:
            torch._foreach_copy_(
                [ours for ours, is_there in zip(self._gradients, trained, strict=True) if is_there], given
            )
        for parameter in self.parameters:
            parameter.grad = None
        return trained

    def _norms(self) -> Tensor:
        """Norm of the gradient of every model (M,)."""
        norms = [torch.linalg.vector_norm(block.gradient, dim=(0, 2)) for block in self.blocks]
        total: Tensor = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms), dim=0)
        return total

    def _parts(self, trained: tuple[bool, ...], member: int, *, only_sources: bool) -> list[list[Tensor]]:
        """Weights, gradients and moments of what is trained of a model, in as few contiguous pieces as there are."""
        key = (*trained, only_sources)
        if key not in self._trained:
            runs = list(self._runs(trained))
            self._trained[key] = [
                [
                    [
                        getattr(block, role)[task, one, first:last]
                        for block, first, last in runs
                        for task in range(only_sources and len(block.weights) > 1, len(block.weights))
                    ]
                    for role in ("weights", "gradient", "first", "second")
                ]
                for one in range(self.count)
            ]
        return self._trained[key][member]

    def _runs(self, trained: tuple[bool, ...]) -> Iterator[tuple[_Block, int, int]]:
        """Neighbouring parameters that are trained: their block, and the places of the first and after the last."""
        for block in self.blocks:
            places = [(leaf, on) for leaf, on in zip(self.leaves, trained, strict=True) if leaf.block is block]
            begin = None
            for leaf, on in places:
                if on and begin is None:
                    begin = leaf.first
                if not on and begin is not None:
                    yield block, begin, leaf.first
                    begin = None
            if begin is not None:
                yield block, begin, block.weights.shape[2]

    def _adamw(self, parts: list[list[Tensor]], member: int, rate: Rates, skipped: Tensor) -> None:
        weights, gradients, first, second = parts
        adamw(
            weights,
            gradients,
            first,
            second,
            [],
            # one count for all parts: a fused step counts each tensor that it is given
            [self.steps[member]] + [self.steps[member].clone() for _ in weights[1:]],
            fused=True,
            found_inf=skipped,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate.learning_rate,
            weight_decay=rate.weight_decay,
            eps=EPS,
            maximize=False,
        )

    def _average(self, shares: Sequence[float]) -> None:
        for block in self.blocks:
            share = numbers(shares, block.average)
            block.average.lerp_(block.weights, share if isinstance(share, float) else share[:, None])


def numbers(each: Sequence[float], like: Tensor) -> float | Tensor:
    """A number of every model (M,), as one number where all have the same."""
    return each[0] if len(set(each)) == 1 else send(torch.tensor(each, dtype=like.dtype), like.device)


def _leaves(model: nn.Module, members: int) -> list[_Leaf]:
    """The parameters of a model, those of as many tasks and one type in one block."""
    stacks = {name: count for name, module in model.named_modules() if (count := groups_of(module)) is not None}
    kinds: dict[tuple[int, torch.dtype], list[tuple[int, torch.Size, bool]]] = {}
    order = []
    for name, parameter in model.named_parameters():
        tasks = next((count for stack, count in stacks.items() if name.startswith(f"{stack}.")), None)
        shape = parameter.shape if tasks is None else parameter.shape[1:]
        places = kinds.setdefault((tasks or 1, parameter.dtype), [])
        first = _next_place(places)
        places.append((first, shape, tasks is not None))
        order.append(((tasks or 1, parameter.dtype), len(places) - 1))
    like = next(model.parameters())
    blocks = {
        key: _Block(key[0], members, _next_place(places), like.new_empty(0, dtype=key[1]))
        for key, places in kinds.items()
    }
    return [_Leaf(blocks[key], *kinds[key][index]) for key, index in order]


def _next_place(places: Sequence[tuple[int, torch.Size, bool]]) -> int:
    """The first aligned place after those that are taken."""
    if not places:
        return 0
    first, shape, _ = places[-1]
    return math.ceil((first + shape.numel()) / ALIGNED) * ALIGNED
