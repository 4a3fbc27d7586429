"""The campaign folder. In the driver no other module reads or writes its files.

campaign.json            format, random id, plan, data and split hashes of every pair and split, the place of the folder
                         when it was last driven
plan.toml                the plan again, to be read by a person or given to --plan
splits/PAIR.SPLIT.parquet    the molecules of each part
predictions/STUDY.parquet    the predictions of its winner for the held-out molecules; of a blend by the blend's name
held_out/KEY.parquet     what one model predicts for the held-out molecules, by its checkpoint, to predict it only once
references/PAIR.SPLIT.json   errors of untuned references on the test part, their predictions beside those of winners
events/NNNNNN.jsonl      one line for each step of the campaign: a JSON list of events that belong together
checkpoints/STUDY/NUMBER/trial.json, attempt-K/epoch-N/     written by the trials, trial.json by the driver
exports/STUDY/           the exported winner of a study; a blend by its name
lease/NNNNNN.json        the driver, see `search.storage.lease`
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gear.config import TrialSpec
from gear.data import PairData
from gear.data.split_table import save_split
from gear.errors import StorageError
from gear.parsing import to_dict
from search.campaign.events import EpochReported, Event, decode, encode
from search.storage.append_log import Log
from search.storage.base import StoragePath
from search.storage.layout import predictions_file, references_file, trial_folder
from search.storage.lease import Lease
from search.storage.moved_files import with_moved_files
from search.storage.retry import retry_while_unavailable

__all__ = ["FORMAT", "CampaignStore", "newest_campaign", "next_name", "read_campaign", "read_events", "read_head"]

# 4 has no id, and among its events neither launches nor evaluations that began; 3 also has no blends; 2 also lacks
# settings of a trial (`gear.recorded`) and counts the grace period in epochs
FORMAT = 5
HEAD, PLAN, EVENTS, SPLITS, EXPORTS = "campaign.json", "plan.toml", "events", "splits", "exports"


class CampaignStore:
    """An open campaign folder, made by `create` or `resume`; use it as a context manager.

    Each launch writes its own segments of the events. So a line that a crash left incomplete is the last of its
    segment, and is skipped when reading.
    """

    def __init__(self, folder: StoragePath, head: Mapping[str, Any], lease: Lease) -> None:
        self.folder = folder
        self.head = head
        self._lease = lease
        self._segment: Log | None = None

    @classmethod
    def create(cls, folder: StoragePath, head: Mapping[str, Any], plan_toml: str) -> "CampaignStore":
        """Make a new campaign folder.

        Args:
            folder: must not exist.
            head: contents of campaign.json, without the format and the place.
            plan_toml: text of plan.toml.

        Raises:
            StorageError: the folder exists, or cannot be written.
        """
        exists = StorageError(f"{folder} exists: give another --name, or --resume to go on with it")
        if folder.exists():
            raise exists
        with _storage_errors(f"cannot write campaign folder {folder}"):
            lease = Lease(folder)
            if (folder / HEAD).exists():  # another driver was faster
                lease.release()
                raise exists
            _write_plan(folder, head, plan_toml)
        return cls(folder, head, lease)

    @classmethod
    def resume(cls, folder: StoragePath) -> "CampaignStore":
        """Open a campaign to continue it.

        Raises:
            StorageError: there is no campaign, it has a future format, or another driver works on it.
        """
        head = read_campaign(folder)
        with _storage_errors(f"cannot write campaign folder {folder}"):
            return cls(folder, head, Lease(folder))

    def __enter__(self) -> "CampaignStore":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # only epochs are lost, and trials repeat them
            if self._segment is not None:
                self._segment.close()
        self._lease.release()

    def update(self, head: Mapping[str, Any], plan_toml: str) -> None:
        """Replace campaign.json and plan.toml: an extension changes the plan."""
        self.head = head
        _write_plan(self.folder, head, plan_toml)

    def write_split(self, pair: PairData) -> None:
        """Write which molecules are in which part.

        Raises:
            StorageError: the folder cannot be written.
        """
        place = self.folder / SPLITS / f"{pair.id}.{pair.split}.parquet"
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch, _storage_errors(f"cannot write {place}"):
            draft = Path(scratch) / place.name
            save_split(draft, pair)
            place.write_bytes(draft.read_bytes())

    def write_predictions(self, study: str, table: pa.Table) -> None:
        """Write the predictions of a study's winner for the held-out molecules.

        Raises:
            StorageError: the folder cannot be written.
        """
        self.write_table(predictions_file(study), table)

    def write_table(self, relative: str, table: pa.Table) -> None:
        """Write a table as a Parquet file at a path in the folder.

        Raises:
            StorageError: the folder cannot be written.
        """
        place, sink = self.folder / relative, pa.BufferOutputStream()
        pq.write_table(table, sink)
        with _storage_errors(f"cannot write {place}"):
            place.write_bytes(sink.getvalue().to_pybytes())

    def write_references(self, pair: str, split: str, found: Mapping[str, Any]) -> None:
        """Write the errors of the references of a pair and split.

        Raises:
            StorageError: the folder cannot be written.
        """
        place = self.folder / references_file(pair, split)
        with _storage_errors(f"cannot write {place}"):
            place.write_text(json.dumps(found, indent=1))

    def events(self) -> Iterator[Event]:
        """The events, oldest first.

        Raises:
            StorageError: a segment is damaged before its last line, or has an event that this version does not know.
        """
        return read_events(self.folder)

    def append(self, *events: Event) -> None:
        """Write events that belong together: a reader sees all of them or none. Returns when they are stored durably.

        An epoch by itself need not survive a crash of the machine, only one of the driver: where it is lost, its trial
        repeats it from an older checkpoint.

        Raises:
            StorageError: the folder cannot be written, or another driver has taken over the campaign.
        """
        durable = not all(isinstance(event, EpochReported) for event in events)
        line = json.dumps([encode(event) for event in events], separators=(",", ":")) + "\n"
        with _storage_errors(f"cannot write events of {self.folder}"):
            retry_while_unavailable(lambda: self._write_line(line.encode(), durable=durable))

    def _write_line(self, line: bytes, *, durable: bool) -> None:
        if durable and not self._lease.held:
            raise StorageError(f"another driver has taken over {self.folder}: this one stops")
        self._open_segment().append(line, durable=durable)

    def write_trial(self, study: str, number: int, spec: TrialSpec) -> None:
        """Write the trial.json of a trial beside its checkpoints, for `python -m gear.train`."""
        path = self.folder / trial_folder(study, number) / "trial.json"
        with _storage_errors(f"cannot write {path}"):
            retry_while_unavailable(lambda: path.write_text(json.dumps(to_dict(spec), indent=1)))

    def read_error(self, study: str, number: int, attempt: int) -> str:
        """The first line of an attempt's error.txt; empty where its worker ended without writing one."""
        path = self.folder / trial_folder(study, number) / f"attempt-{attempt}/error.txt"
        try:
            return path.read_text().partition("\n")[0]
        except OSError:
            return ""

    def remove_checkpoints(self, study: str, number: int, but: str | None = None) -> None:
        """Remove the checkpoints of a trial, except one if that is given."""
        home = trial_folder(study, number)
        for attempt in (self.folder / home).glob("attempt-*"):
            for checkpoint in attempt.glob("epoch-*"):
                if f"{home}/{attempt.name}/{checkpoint.name}" != but:
                    checkpoint.remove()
            if not attempt.glob("*"):  # otherwise there is an error.txt
                attempt.remove()

    @contextlib.contextmanager
    def checkpoint(self, relative: str) -> Iterator[Path]:
        """A checkpoint of a trial as a folder of this machine, for the length of a block.

        Raises:
            StorageError: there is no such checkpoint, or it cannot be read.
        """
        with (
            _storage_errors(f"cannot read checkpoint {self.folder / relative}"),
            (self.folder / relative).local() as path,
        ):
            yield path

    @contextlib.contextmanager
    def export(self, study: str) -> Iterator[Path]:
        """The path on this machine where a block creates the export of a study's winner.

        Raises:
            StorageError: the export cannot be written.
        """
        place = self.folder / EXPORTS / study
        with _storage_errors(f"cannot write export {place}"), place.written() as path:
            yield path

    def _open_segment(self) -> Log:
        if self._segment is not None and self._segment.full:
            self._segment.close()
            self._segment = None
        if self._segment is None:
            used = [int(segment.name.removesuffix(".jsonl")) for segment in _segments(self.folder)]
            self._segment = (self.folder / EVENTS / f"{max(used, default=0) + 1:06d}.jsonl").new_log()
        return self._segment


def read_campaign(folder: StoragePath) -> dict[str, Any]:
    """The contents of campaign.json. The plan has the name of the folder, and files beside it, whatever was recorded.

    Raises:
        StorageError: there is no campaign, or one of a future format.
    """
    head = read_head(folder)
    head["plan"] = with_moved_files(head["plan"], head.get("place"), folder) | {"name": folder.name}
    return head


def read_head(folder: StoragePath) -> dict[str, Any]:
    """The contents of campaign.json as they were recorded.

    Raises:
        StorageError: there is no campaign, or one of a future format.
    """
    try:
        head: dict[str, Any] = json.loads((folder / HEAD).read_text())
    except (OSError, ValueError) as error:
        raise StorageError(f"no campaign in {folder}: {error}") from error
    if head.pop("format") not in (2, 3, 4, FORMAT):
        raise StorageError(f"{folder} was written by another version of this program: use that version")
    return head


def read_events(folder: StoragePath) -> Iterator[Event]:
    """The events of a campaign folder, which a driver may be writing; oldest first.

    Raises:
        StorageError: a segment is damaged before its last line, or has an event that this version does not know.
    """
    for segment in _segments(folder):
        lines = segment.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):  # after the last newline there is nothing, or an incomplete line
            yield from _decode_line(line, segment, number)


def newest_campaign(storage: StoragePath) -> str:
    """The name of the campaign that was driven last.

    Raises:
        StorageError: there is no campaign.
    """
    folders = [folder for folder in storage.glob("*") if (folder / HEAD).exists()]
    if not folders:
        raise StorageError(f"no campaign in {storage}: start one with gear-search run")
    return max(folders, key=_last_driven).name


def next_name(storage: StoragePath, preset: str) -> str:
    """The first free name for a preset: `quick-1`, `quick-2`, ..."""
    counter = 1
    while (storage / f"{preset}-{counter}").exists():
        counter += 1
    return f"{preset}-{counter}"


def _segments(folder: StoragePath) -> list[StoragePath]:
    return (folder / EVENTS).glob("*.jsonl")


def _last_driven(folder: StoragePath) -> float:
    return max(file.modified() for file in [folder / HEAD, *_segments(folder)[-1:]])


def _decode_line(line: bytes, segment: StoragePath, number: int) -> list[Event]:
    try:
        return [decode(event) for event in json.loads(line)]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{segment}, line {number} is damaged or of a newer version: {error!r}") from error


def _write_plan(folder: StoragePath, head: Mapping[str, Any], plan_toml: str) -> None:
    (folder / PLAN).write_text(plan_toml)
    head = {"format": FORMAT, **head, "place": str(folder.resolved())}
    (folder / HEAD).write_text(json.dumps(head, indent=1))


@contextlib.contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    """Re-raise OSError as StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}") from error
