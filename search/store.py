"""The campaign folder, the only module that reads or writes it in the driver.

campaign.json            format, plan, versions of packages, data and split hashes of every pair and split
plan.toml                the plan again, for people and for --plan
splits/PAIR.SPLIT.parquet    who is in which part
events/NNNNNN.jsonl      one line a step of the campaign: a JSON list of events that hold together or not at all
checkpoints/STUDY/NUMBER/trial.json, attempt-K/epoch-N/     written by the trials
exports/STUDY/           the winners
lease.json               who drives
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from gear.config import TrialSpec, to_dict
from gear.data import PairData
from gear.data.saved_split import save_split
from gear.errors import StorageError
from search.events import EpochReported, Event, decode, encode
from search.lease import Lease

__all__ = ["FORMAT", "CampaignStore", "newest_campaign", "next_name", "read_campaign", "read_events", "trial_folder"]

FORMAT = 2
SEGMENT_LINES = 2000
HEAD, PLAN, EVENTS, CHECKPOINTS, EXPORTS = "campaign.json", "plan.toml", "events", "checkpoints", "exports"
SPLITS = "splits"


class CampaignStore:
    """An open campaign folder. Use `create` or `resume`, and as a context manager.

    Each launch writes segments of its own, so a line that a crash tore is the last of its segment and is left out
    when reading.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any], lease: Lease) -> None:
        self.folder = folder
        self.head = head
        self._lease = lease
        self._segment: TextIO | None = None
        self._lines = 0

    @classmethod
    def create(cls, folder: Path, head: Mapping[str, Any], plan_toml: str) -> "CampaignStore":
        """Make a new campaign folder.

        Args:
            folder: must not exist.
            head: campaign.json without its format.
            plan_toml: text of plan.toml.

        Raises:
            StorageError: it exists, or cannot be written.
        """
        if folder.exists():
            raise StorageError(f"{folder} exists: give another --name, or --resume to go on with it")
        try:
            (folder / EVENTS).mkdir(parents=True)
            lease = Lease(folder)
            (folder / PLAN).write_text(plan_toml)
            _write_json(folder / HEAD, {"format": FORMAT, **head})
        except OSError as error:
            raise StorageError(f"cannot write campaign folder {folder}: {error.strerror or error}") from error
        return cls(folder, head, lease)

    @classmethod
    def resume(cls, folder: Path) -> "CampaignStore":
        """Open a campaign to go on with it.

        Raises:
            StorageError: no campaign there, of a future format, or another driver has it.
        """
        head = read_campaign(folder)
        try:
            return cls(folder, head, Lease(folder))
        except OSError as error:
            raise StorageError(f"cannot write campaign folder {folder}: {error.strerror or error}") from error

    def __enter__(self) -> "CampaignStore":
        return self

    def __exit__(self, *_: object) -> None:
        if self._segment is not None:
            self._segment.close()
        self._lease.release()

    def update(self, head: Mapping[str, Any], plan_toml: str) -> None:
        """Replace campaign.json and plan.toml: an extension changes the plan."""
        self.head = head
        (self.folder / PLAN).write_text(plan_toml)
        _write_json(self.folder / HEAD, {"format": FORMAT, **head})

    def keep_split(self, pair: PairData) -> None:
        """Keep who is in which part beside the results.

        Raises:
            StorageError: the disk refuses.
        """
        save_split(self.folder / SPLITS / f"{pair.id}.{pair.split}.parquet", pair)

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
        if durable and not self._lease.held:
            raise StorageError(f"another driver has taken over {self.folder}: this one stops")
        try:
            segment = self._open_segment()
            segment.write(json.dumps([encode(event) for event in events], separators=(",", ":")) + "\n")
            segment.flush()
            if durable:
                os.fsync(segment.fileno())
        except OSError as error:
            raise StorageError(f"cannot write events of {self.folder}: {error.strerror or error}") from error
        self._lines += 1

    def write_trial(self, study: str, number: int, spec: TrialSpec) -> None:
        """Put a trial's trial.json where its checkpoints go, for `python -m gear.train`."""
        path = self.folder / trial_folder(study, number) / "trial.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_dict(spec), indent=1))

    def drop_checkpoints(self, study: str, number: int) -> None:
        """Remove the checkpoints of a trial that nobody will go on from; its trial.json stays."""
        for attempt in (self.folder / trial_folder(study, number)).glob("attempt-*"):
            for checkpoint in attempt.glob("epoch-*"):
                shutil.rmtree(checkpoint, ignore_errors=True)
            with contextlib.suppress(OSError):  # not empty: it holds what went wrong
                attempt.rmdir()

    def export_folder(self, study: str) -> Path:
        """Where the winner of a study is exported to."""
        return self.folder / EXPORTS / study

    def _open_segment(self) -> TextIO:
        if self._segment is None or self._lines >= SEGMENT_LINES:
            if self._segment is not None:
                self._segment.close()
            used = [int(path.stem) for path in (self.folder / EVENTS).glob("*.jsonl")]
            path = self.folder / EVENTS / f"{max(used, default=0) + 1:06d}.jsonl"
            self._segment, self._lines = path.open("x", encoding="utf-8"), 0
        return self._segment


def read_campaign(folder: Path) -> dict[str, Any]:
    """The contents of campaign.json.

    Raises:
        StorageError: no campaign there, or of a future format.
    """
    try:
        head: dict[str, Any] = json.loads((folder / HEAD).read_text())
    except (OSError, ValueError) as error:
        raise StorageError(f"no campaign in {folder}: {error}") from error
    if head.pop("format") != FORMAT:
        raise StorageError(f"{folder} was written by another version of this program: go on with that version")
    return head


def read_events(folder: Path) -> Iterator[Event]:
    """All events of a campaign, oldest first; the folder may be in use.

    Raises:
        StorageError: a segment is damaged before its last line, or holds what this version does not know.
    """
    for segment in sorted((folder / EVENTS).glob("*.jsonl")):
        lines = segment.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):  # after the last newline: nothing, or a torn line
            yield from _decode_line(line, segment, number)


def newest_campaign(storage: Path) -> str:
    """Name of the campaign that was driven last.

    Raises:
        StorageError: there is none.
    """
    folders = [head.parent for head in storage.glob(f"*/{HEAD}")]
    if not folders:
        raise StorageError(f"no campaign in {storage} to resume: start one without --resume")
    return max(folders, key=_last_driven).name


def next_name(storage: Path, preset: str) -> str:
    """First free name of a preset: `quick-1`, `quick-2`, ..."""
    counter = 1
    while (storage / f"{preset}-{counter}").exists():
        counter += 1
    return f"{preset}-{counter}"


def trial_folder(study: str, number: int) -> Path:
    """Where a trial writes, relative to the campaign folder."""
    return Path(CHECKPOINTS) / study / f"{number:04d}"


def _last_driven(folder: Path) -> float:
    return max(path.stat().st_mtime for path in [folder / HEAD, *(folder / EVENTS).glob("*.jsonl")])


def _decode_line(line: bytes, segment: Path, number: int) -> list[Event]:
    try:
        return [decode(event) for event in json.loads(line)]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{segment}, line {number} is damaged or of a newer version: {error!r}") from error


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(data, indent=1))
    draft.replace(path)
