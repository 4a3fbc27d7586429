"""The runs of several trials in one process, epoch by epoch: models of one structure as one array, others in turn.

Does not import torch by itself, so that a worker starts fast.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from gear.results import EpochResult

if TYPE_CHECKING:
    from gear.training.folds import FoldedRun
    from gear.training.loop import TrainingRun

__all__ = ["Run", "SideBySide"]


class Run(Protocol):
    """The part of `gear.training.loop.TrainingRun` that a trial needs."""

    def epochs(self) -> Iterator[EpochResult]: ...  # noqa: D102
    def save(self, folder: Path) -> None: ...  # noqa: D102
    def restore(self, folder: Path) -> None: ...  # noqa: D102


class SideBySide:
    """Runs that are trained together; each of them is saved and restored by itself.

    Args:
        runs: one for each trial.
        fused: whether they can be trained as one array: `gear.training.fusing.can_be_fused` holds for all of their
            models. Those that were restored from different epochs are separate arrays.
    """

    def __init__(self, runs: Sequence[Run], *, fused: bool = False) -> None:
        self.runs = list(runs)
        self.fused = fused
        self._leaving: set[int] = set()

    def leave(self, place: int) -> None:
        """Train a run no longer, by its place; between two epochs."""
        self._leaving.add(place)

    def epochs(self) -> Iterator[dict[int, EpochResult]]:
        """Train epoch by epoch: the result of every run that is still trained, by its place."""
        left = [self._array(places) if len(places) > 1 else self._alone(places[0]) for places in self._arrays()]
        while left:
            results: dict[int, EpochResult] = {}
            going = []
            for array in left:
                if found := next(array, None):
                    results |= found
                    going.append(array)
            left = going
            if results:
                yield results

    def _arrays(self) -> list[list[int]]:
        """Places of the runs that are trained as one: those that are not over and have had as many epochs."""
        if not self.fused:
            return [[place] for place in range(len(self.runs))]
        found: dict[int, list[int]] = {}
        for place, run in enumerate(self._trained()):
            is_over = run.last is not None and run.last.status != "running"
            found.setdefault(-1 - place if is_over else run.epoch, []).append(place)
        return list(found.values())

    def _alone(self, place: int) -> Iterator[dict[int, EpochResult]]:
        for result in self.runs[place].epochs():
            yield {place: result}
            if place in self._leaving:
                return

    def _array(self, places: Sequence[int]) -> Iterator[dict[int, EpochResult]]:
        from gear.training.together import Together

        runs = self._trained()
        models = [(place, model) for place in places for model in runs[place].models]
        together = Together([model for _, model in models])
        for results in together.epochs():
            rows: dict[int, list[EpochResult]] = {}
            for index, result in results.items():
                rows.setdefault(models[index][0], []).append(result)
            joined = {place: runs[place].joined(found) for place, found in rows.items()}
            yield joined
            over = {place for place, row in joined.items() if row.status != "running"} | self._leaving
            together.leave(index for index, (place, _) in enumerate(models) if place in over)

    def _trained(self) -> "list[TrainingRun | FoldedRun]":
        """The runs, which are trained step by step where they can be fused."""
        return cast("list[TrainingRun | FoldedRun]", self.runs)
