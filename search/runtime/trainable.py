"""A trial on a worker: `gear.training` epoch by epoch, as a Tune trainable.

Checkpoints go straight to the campaign folder; a row carries where. Whatever training raises becomes a failed row, so
Tune reports an error only where the worker itself died.
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
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from ray import tune

from gear.config import PairSpec, TrialSpec, from_dict
from gear.errors import StorageError, in_a_line
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
    """The real thing. Imports late: a worker starts in a moment and pays for torch in its first epoch."""
    from gear.device import claim
    from gear.training.folds import make_run

    claim(spec.threads, spec.gpu_share)
    return make_run(spec, _pair)


@functools.lru_cache(maxsize=12)
def _pair(pair: PairSpec, split: str, seed: int, fold: int) -> "PairData":
    """A worker keeps the data of its last few studies; they are memory-mapped, so this costs little."""
    from gear.data import load_pair

    return load_pair(pair, split, seed, fold)


class CampaignTrainable(tune.Trainable):
    """One attempt at a trial. The attributes of the class are the campaign's, see `make_trainable`."""

    folder: StoragePath
    checkpoint_every: int
    epoch_timeout: float
    factory: Callable[[TrialSpec], Run]

    def setup(self, config: dict[str, Any], credentials: Mapping[str, str] = MappingProxyType({})) -> None:
        """Nothing heavy: what fails here looks like a dead worker."""
        os.environ.update(credentials)
        self.run: Run | None = None
        self.checkpoint: str | None = config["checkpoint"]
        self.home = trial_folder(config["study"], config["number"])
        self.attempt = f"{self.home}/attempt-{config['attempt']}"
        self.tidied, self.recorded = time.monotonic(), self.checkpoint

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch. A row is an object, since Tune takes nested dicts apart."""
        self._drop_older()
        try:
            with self._watched():
                row = self._next_row()
        except (OSError, StorageError):  # not the configuration's fault: the attempt is lost, the trial is not
            raise
        except Exception as error:
            self._last_words().write_text(traceback.format_exc())
            row = TrialReport("failed", in_a_line(error))
        return {"row": row}

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """End the process where a block takes longer than an epoch may: nothing else ends a hung call for sure."""
        if not self.epoch_timeout:
            yield
            return
        watchdog = threading.Timer(self.epoch_timeout, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()

    def _give_up(self) -> None:
        try:
            with tempfile.TemporaryFile("w+") as file:  # faulthandler writes to files of the system only
                faulthandler.dump_traceback(file)
                file.seek(0)
                text = f"no epoch within {self.epoch_timeout:g} s; where it hung:\n{file.read()}"
            self._last_words().write_text(text)
        finally:
            os._exit(1)

    def _last_words(self) -> StoragePath:
        return self.folder / f"{self.attempt}/error.txt"

    def _next_row(self) -> TrialReport:
        if self.run is None:
            self._begin()
        result = next(self.rows)
        if result.status != "running" or result.epoch % self.checkpoint_every == 0:
            self._save(result.epoch)
        return TrialReport(result.status, result.reason, result.epoch, result.metrics(), self.checkpoint)

    def _begin(self) -> None:
        self.run = type(self).factory(from_dict(TrialSpec, self.config["spec"]))
        retry_while_unavailable(self._restore)
        self.rows = self.run.epochs()

    def _restore(self) -> None:
        assert self.run is not None
        if self.checkpoint is not None:
            with contextlib.suppress(FileNotFoundError), (self.folder / self.checkpoint).local() as path:
                self.run.restore(path)

    def _save(self, epoch: int) -> None:
        assert self.run is not None
        run, checkpoint = self.run, f"{self.attempt}/epoch-{epoch}"

        def save() -> None:
            with (self.folder / checkpoint).written() as path:
                run.save(path)

        retry_while_unavailable(save, (OSError, StorageError))
        self.checkpoint = checkpoint

    def _drop_older(self) -> None:
        """Tune asks for the next epoch once the driver has the last: the checkpoints before it are of no more use.

        Unless the driver dies before it stored that epoch: its successor goes on from one before. So where storing may
        take `lag` seconds, the newest checkpoint that is so old is the one that counts as recorded. What is left of a
        trial that ended is the driver's to drop.
        """
        lag = self.folder.lag
        if time.monotonic() - self.tidied < lag:
            return
        recorded = self.recorded if lag else self.checkpoint
        self.tidied, self.recorded = time.monotonic(), self.checkpoint
        if recorded is None:
            return
        with contextlib.suppress(OSError):  # the storage is away; the next time will do
            for attempt in (self.folder / self.home).glob("attempt-*"):
                for checkpoint in attempt.glob("epoch-*"):
                    if _age(f"{attempt.name}/{checkpoint.name}") < _age(recorded):
                        checkpoint.remove()


def make_trainable(
    folder: StoragePath, search: "SearchSettings", factory: RunFactory = training_run
) -> type[CampaignTrainable]:
    """The trainable of a campaign.

    Args:
        folder: of the campaign, resolved, seen by every worker.
        search: how often to save, and how long to wait for an epoch.
        factory: makes a run of a trial's specification, in the worker.
    """
    names = ("checkpoint_every", "epoch_timeout")
    attributes = {name: getattr(search, name) for name in names} | {"folder": folder, "factory": staticmethod(factory)}
    return type("CampaignTrial", (CampaignTrainable,), attributes)


def _age(checkpoint: str) -> tuple[int, int]:
    """Attempt and epoch of a checkpoint."""
    attempt, epoch = checkpoint.split("/")[-2:]
    return int(attempt.removeprefix("attempt-")), int(epoch.removeprefix("epoch-"))
