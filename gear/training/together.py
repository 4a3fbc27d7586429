"""Trains models step by step: one, or several of one structure as one array.

The members of an array have their own data, batches, labels, random numbers, learning rates and averages; what they
share is the shape of every tensor and the molecules that batches are gathered from. A member whose gradient is not
finite changes no other; one whose training is over leaves, and the rest goes on as a smaller array.
"""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gear.device import send
from gear.grouped import merge
from gear.methods.base import LossTerms, Method
from gear.methods.joint import JointMethod
from gear.methods.pair_batch import PairBatch
from gear.model.dropout import Dropout
from gear.results import EpochResult
from gear.training.batching import epoch_batches
from gear.training.flat import FlatWeights, Rates, numbers
from gear.training.tally import Tally, Totals
from gear.training.validation import Validation

if TYPE_CHECKING:
    from gear.training.loop import TrainingRun

__all__ = ["Together"]

FINAL_RATE = 0.1  # of the learning rate at the end of the cosine
OVER = 1 - 1e-9  # the share of a training, but for rounding, at which it is over


class Together:
    """Runs whose models are trained as one; they must be at the same epoch.

    Args:
        runs: one of any method, or several for which `gear.training.fusing.can_be_fused` holds.
    """

    def __init__(self, runs: Sequence["TrainingRun"]) -> None:
        self.runs = list(runs)
        self._leaving: set[int] = set()
        self._unite()

    def _unite(self) -> None:
        """Put what the runs have, their weights, averages and moments, in the arrays."""
        runs = self.runs
        self.model: Method = runs[0].model
        self.average: Method = runs[0].average
        if len(runs) == 1:
            _own_buffers(self.model)
            _own_buffers(self.average)
        else:
            self.model, self.average = _merged([run.model for run in runs]), _merged([run.average for run in runs])
            labels = [run.data.labels for run in runs]
            # one row more, without labels, for the places that no molecule fills
            self.labels = torch.stack([torch.cat([one, one.new_full((1, one.shape[1]), torch.nan)]) for one in labels])
        self.flat = FlatWeights(
            self.model,
            self.average,
            [run.model for run in runs],
            [run.average for run in runs],
            [run.moments for run in runs],
        )
        self.validation = Validation([run.data for run in runs], sees_sources=self.model.sees_sources)
        self._buffers, self._averaged_buffers = list(self.model.buffers()), list(self.average.buffers())

    def epochs(self) -> Iterator[dict[int, EpochResult]]:
        """Train epoch by epoch; the result of every run that is still trained, by its place among the runs."""
        left = list(range(len(self.runs)))
        while left:
            started = time.perf_counter()
            failures = self._begin_with_sources() if self.runs[0].epoch == 0 else [""] * len(left)
            epoch_started = time.perf_counter()
            totals = self._train_epoch()  # waits for the last step, so the time is read afterwards
            seconds = (time.perf_counter() - epoch_started) / len(left)
            losses = self.validation.losses(self.average)
            for run, total, found, failure in zip(self.runs, totals, losses, failures, strict=True):
                run.finish_epoch(total, found, failure, total.molecules / seconds)
            share = (time.perf_counter() - started) / len(left)
            for run in self.runs:
                run.took(share)
            yield {place: run.last for place, run in zip(left, self.runs, strict=True) if run.last is not None}
            going = [
                run.last is not None and run.last.status == "running" and place not in self._leaving
                for place, run in zip(left, self.runs, strict=True)
            ]
            left = [place for place, is_going in zip(left, going, strict=True) if is_going]
            if left and not all(going):
                self.runs = [run for run, is_going in zip(self.runs, going, strict=True) if is_going]
                self._unite()

    def leave(self, places: Iterable[int]) -> None:
        """Train some runs no longer, by their places among the first runs; between two epochs."""
        self._leaving.update(places)

    def _train_epoch(self) -> list[Totals]:
        tally, generators, batches = Tally(len(self.runs)), [], []
        for run in self.runs:
            run.epoch += 1
        for run, generator in zip(self.runs, self._generators(lambda run: (run.epoch,)), strict=True):
            target, *sources = run.data.train_rows
            training = run.config.training
            joined = sources if self.model.sees_sources else []
            batches.append(list(epoch_batches(target, joined, training.batch_size, generator, training.epoch_steps)))
            generators.append(generator)
        epoch = self.runs[0].epoch - 1
        whole = self.runs[0].config.training.epochs
        shares = [functools.partial(_progress, epoch, whole)] * len(self.runs)
        for index, batch, rates in self._steps(batches, shares):
            with self._left_alone([member for member, rate in enumerate(rates) if rate is None]):
                found = self._with_gradients(self._terms(batch, epoch * len(batches[0]) + index, generators))
            self._step(found, batch, rates, tally)
        return tally.totals()

    def _begin_with_sources(self) -> list[str]:
        """Train the runs that begin with their sources on only these, and reset the optimiser for the joint training.

        Returns the reason for every run whose training failed, else an empty string.
        """
        begin = [run for run in self.runs if run.model.begins_with_sources]
        if not begin:
            return [""] * len(self.runs)
        alone = self if len(begin) == len(self.runs) else Together(begin)
        failures = dict(zip(begin, alone._train_sources(), strict=True))
        if alone is not self:
            self._unite()
        for run in begin:
            run.model.adopt_source()
            run.averaged_steps = 0
        # the joint training starts without momentum and with a new average
        self.flat.reset()
        self._copy_buffers()
        return [failures.get(run, "") for run in self.runs]

    def _train_sources(self) -> list[str]:
        """Train on only the sources, and keep the averaged weights.

        An epoch is one pass over the training molecules of all sources, in steps of twice `batch_size` molecules; the
        last one ends where `source_molecules` is reached. Returns the reason for every run whose training failed, else
        an empty string.
        """
        rows = [run.data.source_rows for run in self.runs]
        passes = [run.config.training.source_passes(len(own)) for run, own in zip(self.runs, rows, strict=True)]
        tally = Tally(len(self.runs))
        for epoch in range(math.ceil(max(passes))):
            generators = self._generators(lambda run: (0, epoch))  # noqa: B023 - called at once
            batches = [
                list(epoch_batches(own, [], 2 * run.config.training.batch_size, generator))
                for run, own, generator in zip(self.runs, rows, generators, strict=True)
            ]
            shares = [functools.partial(_progress, epoch, whole) for whole in passes]
            for _, batch, rates in self._steps(batches, shares):
                with self._left_alone([member for member, rate in enumerate(rates) if rate is None]):
                    found = self._with_gradients(self._source_terms(batch))
                self._step(found, batch, rates, tally, only_sources=True)
        with torch.no_grad():
            for ours, averaged in zip(self._tensors(self.model), self._tensors(self.average), strict=True):
                ours.copy_(averaged)
        failures = [total.diverged() for total in tally.totals()]
        return [failure and f"the source's training {failure}" for failure in failures]

    def _steps(
        self, batches: Sequence[Sequence[Tensor]], progress: Sequence[Callable[[float], float]]
    ) -> Iterator[tuple[int, PairBatch, list[Rates | None]]]:
        """Number, batch and rates of every step of an epoch, until all runs are done with it.

        A run that has fewer steps than another, or is over within the epoch, has no rates in the last ones, and the
        molecules of its last step.

        Args:
            batches: rows of each run's steps.
            progress: of each run's training at a share of its epoch.
        """
        self.model.train()
        for index in range(max(map(len, batches))):
            done = [share(index / len(parts)) for share, parts in zip(progress, batches, strict=True)]
            rates = [
                _rates(run, share) if index < len(parts) and share < OVER else None
                for run, parts, share in zip(self.runs, batches, done, strict=True)
            ]
            if not any(rates):
                return
            yield index, self._batch([parts[min(index, len(parts) - 1)] for parts in batches]), rates

    @staticmethod
    def _tensors(model: nn.Module) -> list[Tensor]:
        return [*model.parameters(), *model.buffers()]

    def _generators(self, key: Callable[["TrainingRun"], tuple[int, ...]]) -> list[torch.Generator]:
        """Of each run for an epoch, for its batches; what the models draw by themselves gets the same seed."""
        seeds = [run.seed_of(*key(run)) for run in self.runs]
        if len(seeds) == 1:
            torch.manual_seed(seeds[0])
        else:
            assert isinstance(self.model, JointMethod)
            drawn = [torch.Generator(run.device).manual_seed(seed) for run, seed in zip(self.runs, seeds, strict=True)]
            self.model.generators = drawn
            for module in self.model.modules():
                if isinstance(module, Dropout):
                    module.generators = drawn
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    def _batch(self, rows: Sequence[Tensor]) -> PairBatch:
        """The batch of the molecules that each run has in a step."""
        data = self.runs[0].data
        if len(rows) == 1:
            return data.batch(rows[0])
        sizes = tuple(map(len, rows))
        longest, empty = max(sizes), self.labels.shape[1] - 1
        places = torch.full((len(rows), longest), empty)
        for member, part in enumerate(rows):
            places[member, : len(part)] = part
        real = None if min(sizes) == longest else send(places < empty, self.labels.device)
        places += torch.arange(len(rows))[:, None] * (empty + 1)
        labels = self.labels.flatten(0, 1)[send(places, self.labels.device)]
        return PairBatch(data.store.batch(*rows), labels, None, sizes, real)

    def _terms(self, batch: PairBatch, step: int, generators: Sequence[torch.Generator]) -> LossTerms:
        if len(self.runs) > 1:
            assert isinstance(self.model, JointMethod)
            return self.model.joint_terms(batch, step, generators)
        found = self.model.loss_terms(batch, step, generators[0])
        return LossTerms({name: term.reshape(1) for name, term in found.terms.items()}, found.failed_share.reshape(1))

    def _source_terms(self, batch: PairBatch) -> LossTerms:
        if len(self.runs) > 1:
            assert isinstance(self.model, JointMethod)
            terms = self.model.joint_source_terms(batch)
        else:
            terms = {name: term.reshape(1) for name, term in self.model.source_terms(batch).items()}
        return LossTerms(terms, torch.zeros_like(terms["reg"]))

    def _with_gradients(self, found: LossTerms) -> LossTerms:
        """Compute the gradients. Returns the terms with the total that every run minimises."""
        total = self._total(found.terms)
        total.sum().backward()  # no member's total depends on another's weights
        return LossTerms({**found.terms, "total": total}, found.failed_share)

    def _step(
        self,
        found: LossTerms,
        batch: PairBatch,
        rates: Sequence[Rates | None],
        tally: Tally,
        *,
        only_sources: bool = False,
    ) -> None:
        """One optimiser step. A step whose gradient is not finite is skipped, without waiting for the device."""
        finite = self.flat.step(rates, only_sources=only_sources)
        self._copy_buffers()
        if None in rates:
            finite = finite & send(torch.tensor([rate is not None for rate in rates]), finite.device)
        tally.begin({member: batch.sizes[member] for member, rate in enumerate(rates) if rate is not None})
        tally.add(found.terms, found.failed_share, finite)
        for run, rate in zip(self.runs, rates, strict=True):
            run.averaged_steps += rate is not None

    def _total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of every run (M,)."""
        if len(self.runs) == 1:
            return self.model.total(terms)
        total = terms["reg"]
        for name, term in terms.items():  # in their order, on which the last digits depend
            if name != "reg":
                total = total + numbers([run.model.weight(name) for run in self.runs], total) * term
        return total

    @contextlib.contextmanager
    def _left_alone(self, idle: Sequence[int]) -> Iterator[None]:
        """Give some members the buffers back that they had, after the gradients, which may need the new ones."""
        kept = [(buffer, buffer.clone()) for member in idle for buffer in self.runs[member].model.buffers()]
        yield
        for buffer, before in kept:
            buffer.copy_(before)

    def _copy_buffers(self) -> None:
        if self._buffers:
            with torch.no_grad():
                torch._foreach_copy_(self._averaged_buffers, self._buffers)


def _merged(models: Sequence[Method]) -> JointMethod:
    """The models as one; their buffers become views of those of the whole."""
    whole = merge(models)
    assert isinstance(whole, JointMethod)
    whole.members = len(models)
    for parts in zip(whole.modules(), *(model.modules() for model in models), strict=True):
        of_all, *each = parts
        for name, buffer in of_all._buffers.items():
            for member, module in enumerate(each):
                own = module._buffers[name]
                if buffer is None or own is None:
                    continue
                is_grouped = own.dim() == buffer.dim()
                views = buffer.unflatten(0, (-1, len(models)))[:, member]
                module._buffers[name] = views if is_grouped else views[0]
        if isinstance(of_all, Dropout):
            of_all.chances = [module.p for module in each if isinstance(module, Dropout)]
    return whole


def _own_buffers(model: nn.Module) -> None:
    """Give a model that was a member of an array buffers of its own."""
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffer.clone(memory_format=torch.contiguous_format)


def _progress(epoch: int, epochs: float, share: float) -> float:
    """The share of a training that is done at a share of its epoch."""
    return (epoch + share) / epochs


def _rates(run: "TrainingRun", progress: float) -> Rates:
    """How a run steps at a share of its training: the rate falls by a cosine to a tenth."""
    training = run.config.training
    cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    rate = training.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
    # the average's memory grows with the steps, so that the random start is soon forgotten
    kept = min(training.ema, (1 + run.averaged_steps) / (10 + run.averaged_steps))
    return Rates(rate, training.weight_decay, training.clip, 1 - kept)
