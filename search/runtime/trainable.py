"""A trial on a worker: `gear.training` epoch by epoch, as a Tune trainable.

Checkpoints are written to the campaign folder; a row names the newest. Any exception of training becomes a failed row,
so Tune reports an error only where the worker itself died.
"""

import contextlib
import faulthandler
import functools
import os
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ray import tune

from gear.config import PairSpec, TrialSpec
from gear.errors import CheckpointError, StorageError, in_a_line
from gear.parsing import from_dict
from search.campaign.trial_report import TrialReport
from search.storage.base import StoragePath
from search.storage.layout import trial_folder
from search.storage.retry import retry_while_unavailable

if TYPE_CHECKING:
    from gear.data import PairData
    from gear.training.loop import EpochResult
    from search.plan.settings import SearchSettings

__all__ = ["Run", "RunFactory", "make_trainable", "training_run"]


class Run(Protocol):
    """The part of `gear.training.loop.TrainingRun` that a trial needs."""

    def epochs(self) -> "Iterator[EpochResult]": ...  # noqa: D102
    def save(self, folder: Path) -> None: ...  # noqa: D102
    def restore(self, folder: Path) -> None: ...  # noqa: D102


RunFactory = Callable[[TrialSpec], Run]


def training_run(spec: TrialSpec) -> Run:
    """The run that trains. It imports torch here, so that a worker starts fast and pays for it in its first epoch."""
    from gear.device import claim
    from gear.training.folds import make_run

    claim(spec.threads, spec.gpu_share)
    return make_run(spec, _pair)


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
        epoch_timeout: seconds that an epoch may take; 0 for no limit.
        factory: makes a run of a trial's specification, in the worker.
        credentials: environment variables by which a worker reaches the folder. They are secret.
    """

    folder: StoragePath
    checkpoint_every: int
    epoch_timeout: float
    factory: RunFactory
    credentials: Mapping[str, str] = field(repr=False)


class CampaignTrainable(tune.Trainable):
    """One attempt at a trial, and then at the next in the same process."""

    # tune.with_parameters adds the context, which Tune's own setup does not have
    def setup(self, config: dict[str, Any], context: TrialContext) -> None:  # type: ignore[override]
        """Do nothing heavy: an error here looks like a dead worker."""
        os.environ.update(context.credentials)
        self.context, self.folder = context, context.folder
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same process."""
        self._take(new_config)
        return True

    def _take(self, config: Mapping[str, Any]) -> None:
        self.run: Run | None = None
        self.note = ""
        self.checkpoint: str | None = config["checkpoint"]
        self.home = trial_folder(config["study"], config["number"])
        self.attempt = f"{self.home}/attempt-{config['attempt']}"
        self.cleaned, self.recorded = time.monotonic(), self.checkpoint

    def step(self) -> dict[str, Any]:
        """Train one epoch. A row is an object, since Tune takes nested dicts apart."""
        self._remove_older_checkpoints()
        try:
            with self._time_limit():
                row = self._next_row()
        except (OSError, StorageError):  # not the fault of the configuration: the attempt is lost, the trial is not
            raise
        except Exception as error:
            self._error_file().write_text(traceback.format_exc())
            row = TrialReport("failed", in_a_line(error))
        return {"row": row}

    @contextlib.contextmanager
    def _time_limit(self) -> Iterator[None]:
        """End the process where a block takes longer than an epoch may: nothing else ends a hung call for sure."""
        if not self.context.epoch_timeout:
            yield
            return
        watchdog = threading.Timer(self.context.epoch_timeout, self._end_process)
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
                text = f"no epoch within {self.context.epoch_timeout:g} s; where it hung:\n{file.read()}"
            self._error_file().write_text(text)
        finally:
            os._exit(1)

    def _error_file(self) -> StoragePath:
        return self.folder / f"{self.attempt}/error.txt"

    def _next_row(self) -> TrialReport:
        if self.run is None:
            self._begin()
        result = next(self.rows)
        if result.status != "running" or result.epoch % self.context.checkpoint_every == 0:
            self._save(result.epoch)
        note, self.note = self.note, ""
        return TrialReport(result.status, result.reason, result.epoch, result.metrics(), self.checkpoint, note)

    def _begin(self) -> None:
        """Go on from the checkpoint, or begin again, with a run that nothing was restored to, where it is not whole."""
        spec = from_dict(TrialSpec, self.config["spec"])
        self.run = self.context.factory(spec)
        try:
            retry_while_unavailable(self._restore)
        except CheckpointError as error:
            self.run, self.note = (
                self.context.factory(spec),
                f"begins again, since {self.checkpoint} cannot be used: {error}",
            )
            self.checkpoint = self.recorded = None
        self.rows = self.run.epochs()

    def _restore(self) -> None:
        assert self.run is not None
        if self.checkpoint is None:
            return
        try:
            with (self.folder / self.checkpoint).local() as path:
                self.run.restore(path)
        except FileNotFoundError as error:
            raise CheckpointError(f"no checkpoint in {self.folder / self.checkpoint}") from error

    def _save(self, epoch: int) -> None:
        assert self.run is not None
        run, checkpoint = self.run, f"{self.attempt}/epoch-{epoch}"

        def save() -> None:
            with (self.folder / checkpoint).written() as path:
                run.save(path)

        retry_while_unavailable(save, (OSError, StorageError))
        self.checkpoint = checkpoint

    def _remove_older_checkpoints(self) -> None:
        """Remove the checkpoints before the last one that the driver has recorded.

        Tune asks for the next epoch once the driver has the last one. Where storing may take `lag` seconds the driver
        may still die before it has stored that epoch, and its successor continues from an earlier one. So there the
        newest checkpoint that is `lag` seconds old counts as recorded. The driver removes the checkpoints of a trial
        that has ended.
        """
        lag = self.folder.lag
        if time.monotonic() - self.cleaned < lag:
            return
        recorded = self.recorded if lag else self.checkpoint
        self.cleaned, self.recorded = time.monotonic(), self.checkpoint
        if recorded is None:
            return
        with contextlib.suppress(OSError):  # the storage is unavailable; the next time removes them
            for attempt in (self.folder / self.home).glob("attempt-*"):
                for checkpoint in attempt.glob("epoch-*"):
                    if _age(f"{attempt.name}/{checkpoint.name}") < _age(recorded):
                        checkpoint.remove()


def make_trainable(
    folder: StoragePath, search: "SearchSettings", factory: RunFactory = training_run
) -> type[tune.Trainable]:
    """The trainable of a campaign. Its context travels through Ray's object store, not in the trials' parameters.

    Args:
        folder: of the campaign, resolved, seen by every worker.
        search: how often to save, and how long to wait for an epoch.
        factory: makes a run of a trial's specification, in the worker.
    """
    context = TrialContext(folder, search.checkpoint_every, search.epoch_timeout, factory, folder.credentials())
    trainable: type[tune.Trainable] = tune.with_parameters(CampaignTrainable, context=context)
    return trainable


def _age(checkpoint: str) -> tuple[int, int]:
    """Attempt and epoch of a checkpoint."""
    attempt, epoch = checkpoint.split("/")[-2:]
    return int(attempt.removeprefix("attempt-")), int(epoch.removeprefix("epoch-"))
