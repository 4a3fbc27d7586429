"""An attempt at a trial on its worker: its checkpoints in the campaign folder, and the rows that it reports."""

import contextlib
import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gear.config import TrialSpec
from gear.errors import CheckpointError, StorageError
from gear.parsing import from_dict
from gear.training.side_by_side import Run
from search.campaign.trial_report import TrialReport
from search.storage.base import StoragePath
from search.storage.layout import trial_folder
from search.storage.retry import retry_while_unavailable

if TYPE_CHECKING:
    from gear.results import EpochResult

__all__ = ["Attempt"]


class Attempt:
    """One attempt at a trial.

    Args:
        job: the dict of a `search.campaign.campaign.Job`.
        folder: of the campaign.
        checkpoint_every: epochs between checkpoints.
    """

    def __init__(self, job: Mapping[str, Any], folder: StoragePath, checkpoint_every: int) -> None:
        self.folder, self._every = folder, checkpoint_every
        self._job = job
        self.checkpoint: str | None = job["checkpoint"]
        self._home = trial_folder(job["study"], job["number"])
        self._place = f"{self._home}/attempt-{job['attempt']}"
        self._note = ""
        self._cleaned, self._recorded = time.monotonic(), self.checkpoint

    @functools.cached_property
    def spec(self) -> TrialSpec:
        """Of the trial; not parsed before it is needed, since an error would look like a dead worker before."""
        return from_dict(TrialSpec, self._job["spec"])

    @property
    def error_file(self) -> StoragePath:
        """Where an error is written down that says more than a row."""
        return self.folder / f"{self._place}/error.txt"

    def restore(self, run: Run) -> bool:
        """Restore a new run from the checkpoint, if there is one.

        Returns:
            False if it cannot be used: the run is then undefined, and the attempt begins again with another one.
        """
        try:
            retry_while_unavailable(lambda: self._restore(run))
        except CheckpointError as error:
            self._note = f"begins again, since {self.checkpoint} cannot be used: {error}"
            self.checkpoint = self._recorded = None
            return False
        return True

    def _restore(self, run: Run) -> None:
        if self.checkpoint is None:
            return
        try:
            with (self.folder / self.checkpoint).local() as path:
                run.restore(path)
        except FileNotFoundError as error:
            raise CheckpointError(f"no checkpoint in {self.folder / self.checkpoint}") from error

    def row(self, result: "EpochResult", run: Run) -> TrialReport:
        """What is reported of an epoch; the run is saved where it is time."""
        if result.status != "running" or result.epoch % self._every == 0:
            self._save(run, result.epoch)
        note, self._note = self._note, ""
        return TrialReport(result.status, result.reason, result.epoch, result.metrics(), self.checkpoint, note)

    def _save(self, run: Run, epoch: int) -> None:
        checkpoint = f"{self._place}/epoch-{epoch}"

        def save() -> None:
            with (self.folder / checkpoint).written() as path:
                run.save(path)

        retry_while_unavailable(save, (OSError, StorageError))
        self.checkpoint = checkpoint

    def remove_older_checkpoints(self) -> None:
        """Remove the checkpoints before the last one that the driver has recorded for sure.

        Tune asks for the next epoch once the driver has the last one. That epoch is lost where the driver's machine
        crashes before it is stored durably, and the next driver continues from an earlier one. So the newest checkpoint
        that is `settling` seconds old counts as recorded. The driver removes the checkpoints of a trial that has ended.
        """
        if time.monotonic() - self._cleaned < self.folder.settling:
            return
        recorded = self._recorded
        self._cleaned, self._recorded = time.monotonic(), self.checkpoint
        if recorded is None:
            return
        with contextlib.suppress(OSError):  # the storage is unavailable; the next time removes them
            for attempt in (self.folder / self._home).glob("attempt-*"):
                for checkpoint in attempt.glob("epoch-*"):
                    if _age(f"{attempt.name}/{checkpoint.name}") < _age(recorded):
                        checkpoint.remove()


def _age(checkpoint: str) -> tuple[int, int]:
    """Attempt and epoch of a checkpoint."""
    attempt, epoch = checkpoint.split("/")[-2:]
    return int(attempt.removeprefix("attempt-")), int(epoch.removeprefix("epoch-"))
