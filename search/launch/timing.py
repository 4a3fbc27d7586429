"""What the trials of a plan take: a few steps are timed, and counted for the molecules of every pair and split.

A step takes the same time on every pair, so one measurement serves all studies of a method whose steps have as many
molecules and whose folds are as many. A method that is fitted at once is fitted for every size of the data, where sizes
within a factor of four are one.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gear.config import TrialConfig
from gear.methods import find_method

if TYPE_CHECKING:
    from gear.data import PairData, TaskData

__all__ = ["Cell", "TrialTime", "trial_times"]

FEW, MORE = 4, 12  # steps of the epochs of the two runs that are timed
EPOCHS = 3  # of either: the first one, and the faster of the others, for the first steps of a process are slow
ALIKE = 4.0  # sizes of data whose ratio is below this are one size
ENOUGH = 5.0  # seconds of measuring a method, after which no further configuration is drawn


@dataclass(frozen=True, slots=True)
class Cell:
    """A pair on a split, as its trials are trained.

    Attributes:
        target: training molecules of the target in a validation fold.
        sources: those of all sources together.
        folds: how many validation folds there are.
        load: returns the data of each.
    """

    target: int
    sources: int
    folds: int
    load: "Callable[[], Sequence[PairData]]"


@dataclass(frozen=True, slots=True)
class TrialTime:
    """Seconds of a trial with all of its folds: in the default configuration, and as a mean of that and of others."""

    by_default: float
    mean: float


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds by what they grow with, all folds together. `whole` of a method that is fitted at once."""

    step: float = 0.0
    epoch: float = 0.0  # beside its steps, with `molecules` of the target
    molecules: int = 1
    source_molecule: float = 0.0  # once through the training before the first epoch
    whole: float = 0.0

    def seconds(self, config: TrialConfig, cell: Cell) -> float:
        """Seconds of a trial that nothing stops early."""
        training = config.training
        beside = self.epoch * max(cell.target / self.molecules, 1.0)
        before = training.source_passes(max(cell.sources, 1)) * cell.sources * self.source_molecule
        return training.epochs * (training.steps(cell.target) * self.step + beside) + before + self.whole


def trial_times(
    configs: Sequence[TrialConfig], cells: Mapping[tuple[str, str], Cell]
) -> dict[tuple[str, str], TrialTime]:
    """What a trial of a method takes in each cell.

    Args:
        configs: of the method, the default one first. The others are timed in the first cell, and in the other cells
            are taken to differ from the default as much as there.
        cells: by pair and split.
    """
    timed: dict[tuple[int, ...], _Cost] = {}
    found: dict[tuple[str, str], TrialTime] = {}
    share = 1.0
    for place, cell in cells.items():
        key = _alike(configs[0], cell)
        if key not in timed:
            timed[key] = _cost(configs[0], cell)
        by_default = timed[key].seconds(configs[0], cell)
        if not found:
            several = [by_default, *_drawn(configs[1:], cell)]
            share = sum(several) / len(several) / by_default if by_default else 1.0
        found[place] = TrialTime(by_default, by_default * share)
    return found


def _alike(config: TrialConfig, cell: Cell) -> tuple[int, ...]:
    """What cells have in common that need one measurement."""
    if find_method(config.method).fits_at_once:
        sizes = (round(math.log(max(size, 1), ALIKE)) for size in (cell.target, cell.sources))
        return cell.folds, *sizes
    return cell.folds, min(cell.target, config.training.batch_size)


def _drawn(configs: Sequence[TrialConfig], cell: Cell) -> Iterator[float]:
    """What further configurations take, until measuring them has taken long enough."""
    spent = 0.0
    for config in configs:
        if spent > ENOUGH:
            return
        cost = _cost(config, cell)
        spent += cost.whole or EPOCHS * (FEW + MORE) * cost.step
        yield cost.seconds(config, cell)


def _cost(config: TrialConfig, cell: Cell) -> _Cost:
    """Measure a configuration: fitted once, or by two trainings whose epochs and sources differ in their sizes."""
    from gear.training.folds import FoldedRun, single_run

    data = cell.load()
    if find_method(config.method).fits_at_once:
        return _Cost(whole=len(data) * sum(row.seconds for row in single_run(config, data[0]).epochs()))
    size = config.training.batch_size
    times = []
    for steps, passes in ((FEW, 1), (MORE, 2)):
        short = dataclasses.replace(config.training, epochs=EPOCHS, epoch_steps=steps, source_epochs=passes, patience=0)
        pairs = [_cut(pair, steps * size) for pair in data]
        trial = dataclasses.replace(config, training=short)
        run = FoldedRun(trial, pairs) if len(pairs) > 1 else single_run(trial, pairs[0])
        first, *others = (row.seconds for row in run.epochs())
        later = min(others)
        of_sources = passes * sum(len(source.train.rows) for source in pairs[0].sources)
        own_steps = short.steps(len(pairs[0].target.train.rows))
        times.append((own_steps, later, max(first - later, 0.0), of_sources))
    (few_steps, few, little, some), (more_steps, more, much, all_of_them) = times
    step = max(more - few, 0.0) / (more_steps - few_steps) or more / more_steps
    grows = getattr(run.model, "begins_with_sources", False) and all_of_them > some
    before = max(much - little, 0.0) / (all_of_them - some) if grows else 0.0
    return _Cost(step, max(few - few_steps * step, 0.0), len(pairs[0].target.train.rows), before)


def _cut(pair: "PairData", molecules: int) -> "PairData":
    """A pair with at most so many training molecules a task, and its share of the validation molecules."""

    def task(whole: "TaskData") -> "TaskData":
        share = max(molecules * len(whole.validation.rows) // len(whole.train.rows), 1)
        train, validation = whole.train.at(slice(molecules)), whole.validation.at(slice(share))
        return dataclasses.replace(whole, train=train, validation=validation)

    return dataclasses.replace(pair, target=task(pair.target), sources=tuple(map(task, pair.sources)))
