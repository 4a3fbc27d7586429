"""Trials on a worker: `gear.training` epoch by epoch, as a Tune trainable.

Checkpoints are written to the campaign folder; a row names the newest. Any exception of a trial that is trained alone
becomes a failed row, so Tune reports an error only where the worker itself died. Where several trials are one array, an
exception is nobody's: all of them lose the attempt, and the campaign has each of them trained alone.
"""

import contextlib
import faulthandler
import functools
import os
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray import tune

from gear.config import PairSpec, TrialSpec
from gear.errors import StorageError, in_a_line
from gear.training.side_by_side import SideBySide
from search.campaign.trial_report import TrialReport
from search.runtime.attempt import Attempt
from search.storage.base import StoragePath

if TYPE_CHECKING:
    from gear.data import PairData
    from search.plan.settings import SearchSettings

__all__ = ["RunFactory", "make_trainable", "training_runs"]

RunFactory = Callable[[Sequence[TrialSpec]], SideBySide]


def training_runs(specs: Sequence[TrialSpec]) -> SideBySide:
    """The runs that train. It imports torch here, so that a worker starts fast and pays for it in its first epoch."""
    from gear.device import claim
    from gear.training.folds import make_runs

    claim(specs[0].threads, specs[0].gpu_share)
    return make_runs(specs, _pair)


@functools.lru_cache(maxsize=12)
def _pair(pair: PairSpec, split: str, seed: int, fold: int) -> "PairData":
    """Load a pair. A worker keeps those of its last few studies, which are memory-mapped and so take little memory."""
    from gear.data import load_pair

    return load_pair(pair, split, seed, fold)


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What all trials of a campaign have in common.

    Attributes:
        folder: of the campaign, resolved, seen by every worker.
        checkpoint_every: epochs between checkpoints.
        epoch_timeout: seconds that an epoch of one trial may take; 0 for no limit.
        factory: makes the runs of trials' specifications, in the worker.
        credentials: environment variables by which a worker reaches the folder. They are secret.
    """

    folder: StoragePath
    checkpoint_every: int
    epoch_timeout: float
    factory: RunFactory
    credentials: Mapping[str, str] = field(repr=False)


class CampaignTrainable(tune.Trainable):
    """One attempt at a trial, or at several as one array, and then at the next in the same process."""

    # tune.with_parameters adds the context, which Tune's own setup does not have
    def setup(self, config: dict[str, Any], context: TrialContext) -> None:  # type: ignore[override]
        """Do nothing heavy: an error here looks like a dead worker."""
        os.environ.update(context.credentials)
        self.context = context
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trials in the same process."""
        self._take(new_config)
        return True

    def _take(self, config: Mapping[str, Any]) -> None:
        self.runs: SideBySide | None = None
        folder, every = self.context.folder, self.context.checkpoint_every
        self.attempts = {place: Attempt(job, folder, every) for place, job in enumerate(config["jobs"])}

    def step(self) -> dict[str, Any]:
        """Train one epoch of every trial; `rows` has a place and a row for each."""
        for attempt in self.attempts.values():
            attempt.remove_older_checkpoints()
        try:
            with self._time_limit():
                rows = self._next_rows()
        except (OSError, StorageError):  # not the fault of the configuration: the attempt is lost, the trial is not
            raise
        except Exception as error:
            self._write_errors(traceback.format_exc())
            if len(self.attempts) > 1:
                raise
            rows = [(place, TrialReport("failed", in_a_line(error))) for place in self.attempts]
        return {"rows": rows}

    def leave(self, places: Sequence[int]) -> None:
        """Train some of the trials no longer."""
        for place in places:
            self.attempts.pop(place, None)
            if self.runs is not None:
                self.runs.leave(place)

    @contextlib.contextmanager
    def _time_limit(self) -> Iterator[None]:
        """End the process where a block takes longer than an epoch may: nothing else ends a hung call for sure."""
        if not self.context.epoch_timeout:
            yield
            return
        watchdog = threading.Timer(self.context.epoch_timeout * len(self.attempts), self._end_process)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()

    def _end_process(self) -> None:
        """Write down where every thread hangs, and end the process."""
        try:
            with tempfile.TemporaryFile("w+") as file:  # faulthandler writes to files of the system only
                faulthandler.dump_traceback(file)
                file.seek(0)
                limit = self.context.epoch_timeout * len(self.attempts)
                self._write_errors(f"no epoch within {limit:g} s; where it hung:\n{file.read()}")
        finally:
            os._exit(1)

    def _write_errors(self, text: str) -> None:
        for attempt in self.attempts.values():
            attempt.error_file.write_text(text)

    def _next_rows(self) -> list[tuple[int, TrialReport]]:
        if self.runs is None:
            self.runs = self._begin()
            self._epochs = self.runs.epochs()
        rows = []
        for place, result in next(self._epochs).items():
            rows.append((place, self.attempts[place].row(result, self.runs.runs[place])))
            if result.status != "running":
                del self.attempts[place]
        return rows

    def _begin(self) -> SideBySide:
        """Go on from the checkpoints; with new runs, to which nothing was restored, where one is not whole."""
        while True:
            runs = self.context.factory([attempt.spec for attempt in self.attempts.values()])
            whole = [attempt.restore(run) for attempt, run in zip(self.attempts.values(), runs.runs, strict=True)]
            if all(whole):
                return runs


def make_trainable(
    folder: StoragePath, search: "SearchSettings", factory: RunFactory = training_runs
) -> type[tune.Trainable]:
    """The trainable of a campaign. Its context travels through Ray's object store, not in the trials' parameters.

    Args:
        folder: of the campaign, resolved, seen by every worker.
        search: how often to save, and how long to wait for an epoch.
        factory: makes the runs of trials' specifications, in the worker.
    """
    context = TrialContext(folder, search.checkpoint_every, search.epoch_timeout, factory, folder.credentials())
    trainable: type[tune.Trainable] = tune.with_parameters(CampaignTrainable, context=context)
    return trainable
