"""The campaign folder, the only module that reads or writes it in the driver.

campaign.json            format, plan, versions of packages, data and split hashes of every pair and split, the
                         place of the folder when it was last driven
plan.toml                the plan again, for people and for --plan
splits/PAIR.SPLIT.parquet    who is in which part
predictions/STUDY.parquet    what its winner says of the held-out molecules
events/NNNNNN.jsonl      one line a step of the campaign: a JSON list of events that hold together or not at all
checkpoints/STUDY/NUMBER/trial.json, attempt-K/epoch-N/     written by the trials
exports/STUDY/           the winners
lease/NNNNNN.json        who drives
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gear.config import TrialSpec, to_dict
from gear.data import PairData
from gear.data.split_table import save_split
from gear.errors import StorageError
from search.campaign.events import EpochReported, Event, decode, encode
from search.storage.append_log import Log
from search.storage.base import StoragePath
from search.storage.layout import predictions_file, trial_folder
from search.storage.lease import Lease
from search.storage.retry import retry_while_unavailable

__all__ = ["FORMAT", "CampaignStore", "newest_campaign", "next_name", "read_campaign", "read_events", "read_head"]

FORMAT = 3  # 2 lacks settings of a trial (`gear.recorded`) and counts the grace period in epochs
HEAD, PLAN, EVENTS, SPLITS, EXPORTS = "campaign.json", "plan.toml", "events", "splits", "exports"


class CampaignStore:
    """An open campaign folder. Use `create` or `resume`, and as a context manager.

    Each launch writes segments of its own, so a line that a crash tore is the last of its segment and is left out
    when reading.
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
            head: campaign.json without its format.
            plan_toml: text of plan.toml.

        Raises:
            StorageError: it exists, or cannot be written.
        """
        exists = StorageError(f"{folder} exists: give another --name, or --resume to go on with it")
        if folder.exists():
            raise exists
        with _told(f"cannot write campaign folder {folder}"):
            lease = Lease(folder)
            if (folder / HEAD).exists():  # another driver was faster
                lease.release()
                raise exists
            _write_plan(folder, head, plan_toml)
        return cls(folder, head, lease)

    @classmethod
    def resume(cls, folder: StoragePath) -> "CampaignStore":
        """Open a campaign to go on with it.

        Raises:
            StorageError: no campaign there, of a future format, or another driver has it.
        """
        head = read_campaign(folder)
        with _told(f"cannot write campaign folder {folder}"):
            return cls(folder, head, Lease(folder))

    def __enter__(self) -> "CampaignStore":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what is lost are epochs, and they cost time only
            if self._segment is not None:
                self._segment.close()
        self._lease.release()

    def update(self, head: Mapping[str, Any], plan_toml: str) -> None:
        """Replace campaign.json and plan.toml: an extension changes the plan."""
        self.head = head
        _write_plan(self.folder, head, plan_toml)

    def keep_split(self, pair: PairData) -> None:
        """Keep who is in which part beside the results.

        Raises:
            StorageError: the disk refuses.
        """
        place = self.folder / SPLITS / f"{pair.id}.{pair.split}.parquet"
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch, _told(f"cannot write {place}"):
            draft = Path(scratch) / place.name
            save_split(draft, pair)
            place.write_bytes(draft.read_bytes())

    def keep_predictions(self, study: str, table: pa.Table) -> None:
        """Keep what the winner of a study says of the held-out molecules.

        Raises:
            StorageError: the disk refuses.
        """
        place, sink = self.folder / predictions_file(study), pa.BufferOutputStream()
        pq.write_table(table, sink)
        with _told(f"cannot write {place}"):
            place.write_bytes(sink.getvalue().to_pybytes())

    def events(self) -> Iterator[Event]:
        """All events, oldest first.

        Raises:
            StorageError: a segment is damaged before its last line, or holds what this version does not know.
        """
        return read_events(self.folder)

    def append(self, *events: Event) -> None:
        """Write events that hold together. Returns when they are safe, except for a lone epoch.

        A lost epoch costs time only, since its trial repeats it from an older checkpoint; so it survives the driver's
        death but need not survive the machine's.

        Raises:
            StorageError: the disk refuses, or another driver has taken the campaign over.
        """
        durable = not all(isinstance(event, EpochReported) for event in events)
        line = json.dumps([encode(event) for event in events], separators=(",", ":")) + "\n"
        with _told(f"cannot write events of {self.folder}"):
            retry_while_unavailable(lambda: self._write_line(line.encode(), durable=durable))

    def _write_line(self, line: bytes, *, durable: bool) -> None:
        if durable and not self._lease.held:
            raise StorageError(f"another driver has taken over {self.folder}: this one stops")
        self._open_segment().append(line, durable=durable)

    def write_trial(self, study: str, number: int, spec: TrialSpec) -> None:
        """Put a trial's trial.json where its checkpoints go, for `python -m gear.train`."""
        path = self.folder / trial_folder(study, number) / "trial.json"
        with _told(f"cannot write {path}"):
            retry_while_unavailable(lambda: path.write_text(json.dumps(to_dict(spec), indent=1)))

    def last_words(self, study: str, number: int, attempt: int) -> str:
        """What an attempt wrote before its worker ended itself; nothing where it had no time to."""
        path = self.folder / trial_folder(study, number) / f"attempt-{attempt}/error.txt"
        try:
            return path.read_text().partition("\n")[0]
        except OSError:
            return ""

    def drop_checkpoints(self, study: str, number: int, but: str | None = None) -> None:
        """Remove the checkpoints of a trial that nobody will go on from, all but one if that is named."""
        home = trial_folder(study, number)
        for attempt in (self.folder / home).glob("attempt-*"):
            for checkpoint in attempt.glob("epoch-*"):
                if f"{home}/{attempt.name}/{checkpoint.name}" != but:
                    checkpoint.remove()
            if not attempt.glob("*"):  # otherwise it holds what went wrong
                attempt.remove()

    @contextlib.contextmanager
    def checkpoint(self, relative: str) -> Iterator[Path]:
        """A trial's checkpoint as a folder of this machine.

        Raises:
            StorageError: there is none, or it cannot be read.
        """
        with _told(f"cannot read checkpoint {self.folder / relative}"), (self.folder / relative).local() as path:
            yield path

    @contextlib.contextmanager
    def export(self, study: str) -> Iterator[Path]:
        """Where a block is to export the winner of a study to, on this machine.

        Raises:
            StorageError: it cannot be written.
        """
        place = self.folder / EXPORTS / study
        with _told(f"cannot write export {place}"), place.written() as path:
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
    """The contents of campaign.json. The plan has the name of the folder, whatever was recorded.

    Raises:
        StorageError: there is no campaign, or one of a future format.
    """
    head = read_head(folder)
    head["plan"] = head["plan"] | {"name": folder.name}
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
    if head.pop("format") not in (2, FORMAT):
        raise StorageError(f"{folder} was written by another version of this program: go on with that version")
    return head


def read_events(folder: StoragePath) -> Iterator[Event]:
    """All events of a campaign folder, oldest first, whether or not it is being written.

    Raises:
        StorageError: a segment is damaged before its last line, or holds what this version does not know.
    """
    for segment in _segments(folder):
        lines = segment.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):  # after the last newline: nothing, or a torn line
            yield from _decode_line(line, segment, number)


def newest_campaign(storage: StoragePath) -> str:
    """Name of the campaign that was driven last.

    Raises:
        StorageError: there is none.
    """
    folders = [folder for folder in storage.glob("*") if (folder / HEAD).exists()]
    if not folders:
        raise StorageError(f"no campaign in {storage}: start one with python -m search.run")
    return max(folders, key=_last_driven).name


def next_name(storage: StoragePath, preset: str) -> str:
    """First free name of a preset: `quick-1`, `quick-2`, ..."""
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
def _told(what: str) -> Iterator[None]:
    """The storage's refusal as an error for people."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}") from error
