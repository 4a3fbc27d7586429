"""A trial on a worker: `gear.training` epoch by epoch, as a Tune trainable.

Checkpoints go straight to the campaign folder; a row carries where. Whatever training raises becomes a failed row, so
Tune reports an error only where the worker itself died.
"""

import contextlib
import faulthandler
import functools
import os
import shutil
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ray import tune

from gear.config import PairSpec, TrialSpec, from_dict
from gear.errors import StorageError
from search.patience import patiently
from search.row import Row

if TYPE_CHECKING:
    from gear.data import PairData
    from gear.training import EpochResult
    from search.plan import SearchSettings

__all__ = ["Run", "RunFactory", "make_trainable", "training_run"]


class Run(Protocol):
    """The part of `gear.training.TrainingRun` that a trial needs."""

    def epochs(self) -> "Iterator[EpochResult]": ...  # noqa: D102
    def save(self, folder: Path) -> None: ...  # noqa: D102
    def restore(self, folder: Path) -> None: ...  # noqa: D102


RunFactory = Callable[[TrialSpec], Run]


def training_run(spec: TrialSpec) -> Run:
    """The real thing. Imports late: a worker starts in a moment and pays for torch in its first epoch."""
    from gear.device import claim
    from gear.folds import make_run

    claim(spec.threads, spec.gpu_share)
    return make_run(spec, _pair)


@functools.lru_cache(maxsize=12)
def _pair(pair: PairSpec, split: str, seed: int, fold: int) -> "PairData":
    """A worker keeps the data of its last few studies; they are memory-mapped, so this costs little."""
    from gear.data import load_pair

    return load_pair(pair, split, seed, fold)


class CampaignTrainable(tune.Trainable):
    """One attempt at a trial. The attributes of the class are the campaign's, see `make_trainable`."""

    folder: Path
    checkpoint_every: int
    epoch_timeout: float
    factory: Callable[[TrialSpec], Run]

    def setup(self, config: dict[str, Any]) -> None:
        """Nothing heavy: what fails here looks like a dead worker."""
        self.run: Run | None = None
        self.checkpoint: str | None = config["checkpoint"]
        self.attempt_folder = self.folder / "checkpoints" / config["study"] / f"{config['number']:04d}"
        self.attempt_folder /= f"attempt-{config['attempt']}"

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same process."""
        self._drop_older()
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
            row = Row("failed", f"{type(error).__name__}: {_first_line(error)}")
        return {"row": row}

    def cleanup(self) -> None:
        """Tune is done with the worker."""
        self._drop_older()

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
            with self._last_words().open("w") as file:
                file.write(f"no epoch within {self.epoch_timeout:g} s; where it hung:\n")
                file.flush()
                faulthandler.dump_traceback(file)
        finally:
            os._exit(1)

    def _last_words(self) -> Path:
        self.attempt_folder.mkdir(parents=True, exist_ok=True)
        path: Path = self.attempt_folder / "error.txt"
        return path

    def _next_row(self) -> Row:
        if self.run is None:
            self._begin()
        result = next(self.rows)
        if result.status != "running" or result.epoch % self.checkpoint_every == 0:
            self._save(result.epoch)
        return Row(result.status, result.reason, result.epoch, result.metrics(), self.checkpoint)

    def _begin(self) -> None:
        self.run = type(self).factory(from_dict(TrialSpec, self.config["spec"]))
        if self.checkpoint is not None and (self.folder / self.checkpoint).exists():
            self.run.restore(self.folder / self.checkpoint)
        self.rows = self.run.epochs()

    def _save(self, epoch: int) -> None:
        assert self.run is not None
        folder = self.attempt_folder / f"epoch-{epoch}"
        run = self.run
        patiently(lambda: run.save(folder), StorageError)
        self.checkpoint = str(folder.relative_to(self.folder))

    def _drop_older(self) -> None:
        """Tune asks for the next epoch once the last is recorded: the checkpoints before it are of no more use."""
        if self.checkpoint is None:
            return
        newest = self.folder / self.checkpoint
        for folder in newest.parent.parent.glob("attempt-*/epoch-*"):
            if folder != newest and _attempt(folder) <= _attempt(newest):
                shutil.rmtree(folder, ignore_errors=True)


def make_trainable(
    folder: Path, search: "SearchSettings", factory: RunFactory = training_run
) -> type[CampaignTrainable]:
    """The trainable of a campaign.

    Args:
        folder: of the campaign, absolute, seen by every worker.
        search: how often to save, and how long to wait for an epoch.
        factory: makes a run of a trial's specification, in the worker.
    """
    names = ("checkpoint_every", "epoch_timeout")
    attributes = {name: getattr(search, name) for name in names} | {"folder": folder, "factory": staticmethod(factory)}
    return type("CampaignTrial", (CampaignTrainable,), attributes)


def _attempt(checkpoint: Path) -> int:
    return int(checkpoint.parent.name.removeprefix("attempt-"))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
