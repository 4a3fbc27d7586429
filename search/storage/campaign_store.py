"""The campaign folder. In the driver no other module reads or writes its files.

campaign.json            format, random id, plan, data and split hashes of every pair and split, the place of the folder
                         when it was last driven
plan.toml                the plan again, to be read by a person or given to --plan
splits/PAIR.SPLIT.parquet    the molecules of each part
predictions/STUDY.parquet    the predictions of its winner for the held-out molecules; of a blend by the blend's name
held_out/KEY.parquet     what one model predicts for the held-out molecules, by its checkpoint, to predict it only once
references/PAIR.SPLIT.json   errors of untuned references on the test part, their predictions beside those of winners
cross_validations/PAIR.SPLIT.json   results over all folds of a cross-validation; predictions and exports by their names
events/NNNNNN.jsonl      one line for each step of the campaign, see `search.storage.event_log`; after a repair in the
                         folder that campaign.json names
checkpoints/STUDY/NUMBER/trial.json, attempt-K/epoch-N/     written by the trials, trial.json by the driver
exports/STUDY/           the exported winner of a study; a blend by its name
lease/NNNNNN.json        the driver, see `search.storage.lease`
"""

import contextlib
import json
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gear.config import TrialSpec
from gear.data import PairData
from gear.data.split_table import save_split
from gear.errors import CheckpointError, InputDataError, StorageError
from gear.parsing import to_dict
from search.campaign.events import EpochReported, Event, decode, encode
from search.plan.campaign_plan import CampaignPlan
from search.plan.plan_file import plan_from_dict
from search.storage.base import StoragePath
from search.storage.event_log import EventLog, Line, read_lines, segments
from search.storage.layout import predictions_file, trial_folder
from search.storage.lease import LEASES, Lease, stored_lines
from search.storage.moved_files import with_moved_files
from search.storage.retry import retry_while_unavailable

__all__ = [
    "FORMAT",
    "CampaignStore",
    "is_taken",
    "newest_campaign",
    "next_name",
    "plan_in",
    "read_campaign",
    "read_events",
    "read_head",
]

# 5 has no numbers and checksums of lines; 4 also has no id, and among its events neither launches nor evaluations that
# began; 3 also has no blends; 2 also lacks settings of a trial (`gear.recorded`) and counts the grace period in epochs
FORMAT = 6
FORMATS = range(2, FORMAT + 1)
NUMBERED = 6  # the first format with numbers of lines
RESTORE = "restore it from a copy; plan.toml has the plan, to begin anew with run --plan"
HEAD, PLAN, EVENTS, SPLITS, EXPORTS = "campaign.json", "plan.toml", "events", "splits", "exports"


class CampaignStore:
    """An open campaign folder, made by `create` or `resume`; use it as a context manager."""

    def __init__(self, folder: StoragePath, head: Mapping[str, Any], lease: Lease, lines: int) -> None:
        self.folder = folder
        self.head = head
        self._lease = lease
        self._log = EventLog(events_folder(folder, head), lease, lines)

    @classmethod
    def create(cls, folder: StoragePath, head: Mapping[str, Any], plan_toml: str) -> "CampaignStore":
        """Make a new campaign folder.

        Args:
            folder: must not be taken (`is_taken`).
            head: contents of campaign.json, without the format and the place.
            plan_toml: text of plan.toml.

        Raises:
            StorageError: the folder is taken, or cannot be written.
        """
        exists = StorageError(f"{folder} exists: give another --name, or --resume to go on with it")
        if is_taken(folder):
            raise exists
        with storage_errors(f"cannot write campaign folder {folder}"):
            lease = Lease(folder)
            if (folder / HEAD).exists():  # another driver was faster
                lease.release()
                raise exists
            lease.mark(0)
            write_head(folder, head, plan_toml)
        return cls(folder, head, lease, lines=0)

    @classmethod
    def resume(cls, folder: StoragePath) -> "CampaignStore":
        """Open a campaign to continue it.

        Raises:
            StorageError: there is no campaign, it has a future format, it is damaged, or another driver works on it.
        """
        head = read_campaign(folder)
        with storage_errors(f"cannot write campaign folder {folder}"), contextlib.ExitStack() as undo:
            lease = Lease(folder)
            undo.callback(lease.release)
            events_folder(folder, head).refresh()
            lines = sum(1 for _ in _lines(folder))
            lease.mark(lines)
            undo.pop_all()
        return cls(folder, head, lease, lines)

    def __enter__(self) -> "CampaignStore":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # only epochs are lost, and trials repeat them
            self._log.close()
        self._lease.release()

    def update(self, head: Mapping[str, Any], plan_toml: str) -> None:
        """Replace campaign.json and plan.toml: an extension changes the plan."""
        self.head = head
        write_head(self.folder, head, plan_toml)

    def lacks_split(self, pair: str, split: str) -> bool:
        """Whether the driver was killed before it wrote a split."""
        return not (self.folder / SPLITS / f"{pair}.{split}.parquet").exists()

    def write_split(self, pair: PairData) -> None:
        """Write which molecules are in which part.

        Raises:
            StorageError: the folder cannot be written.
        """
        place = self.folder / SPLITS / f"{pair.id}.{pair.split}.parquet"
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch, storage_errors(f"cannot write {place}"):
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
        with storage_errors(f"cannot write {place}"):
            place.write_bytes(sink.getvalue().to_pybytes())

    def write_json(self, relative: str, found: Mapping[str, Any] | Sequence[Any]) -> None:
        """Write a JSON file at a path in the folder.

        Raises:
            StorageError: the folder cannot be written.
        """
        place = self.folder / relative
        with storage_errors(f"cannot write {place}"):
            place.write_text(json.dumps(found, indent=1))

    def events(self) -> Iterator[Event]:
        """The events that this driver continues after, and its own, oldest first.

        Raises:
            StorageError: they are damaged, or there is one that this version does not know.
        """
        return read_events(self.folder, self._log.lines)

    def append(self, *events: Event) -> None:
        """Write events that belong together: a reader sees all of them or none. Returns when they are stored durably.

        An epoch by itself need not survive a crash of the machine, only one of the driver: where it is lost, its trial
        repeats it from an older checkpoint.

        Raises:
            StorageError: the folder cannot be written, or another driver has taken over the campaign.
        """
        durable = not all(isinstance(event, EpochReported) for event in events)
        number, plain = self._log.lines + 1, [encode(event) for event in events]
        with storage_errors(f"cannot write events of {self.folder}"):
            retry_while_unavailable(lambda: self._log.append(number, plain, durable=durable))

    def write_trial(self, study: str, number: int, spec: TrialSpec) -> None:
        """Write the trial.json of a trial beside its checkpoints, for `python -m gear.train`."""
        path = self.folder / trial_folder(study, number) / "trial.json"
        with storage_errors(f"cannot write {path}"):
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
            CheckpointError: there is no such checkpoint.
            StorageError: it cannot be read.
        """
        place = self.folder / relative
        with storage_errors(f"cannot read checkpoint {place}"), contextlib.ExitStack() as stack:
            try:
                path = stack.enter_context(place.local())
            except FileNotFoundError as error:
                raise CheckpointError(f"no checkpoint in {place}") from error
            yield path

    @contextlib.contextmanager
    def export(self, study: str) -> Iterator[Path]:
        """The path on this machine where a block creates the export of a study's winner.

        Raises:
            StorageError: the export cannot be written.
        """
        place = self.folder / EXPORTS / study
        with storage_errors(f"cannot write export {place}"), place.written() as path:
            yield path


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
    head = _read_json(folder)
    if head.pop("format") not in FORMATS:
        raise StorageError(f"{folder} was written by another version of this program: use that version")
    return head


def plan_in(folder: StoragePath, head: Mapping[str, Any]) -> CampaignPlan:
    """The plan in the contents of a campaign.json.

    Raises:
        StorageError: it is damaged.
        UnknownNameError: it has a name, of a method of one's own for instance, that is unknown here.
    """
    try:
        return plan_from_dict(head["plan"])
    except InputDataError as error:
        raise StorageError(f"{folder / HEAD} is damaged: {error}; {RESTORE}") from error


def _read_json(folder: StoragePath) -> dict[str, Any]:
    """The contents of campaign.json, which has a format and a plan at least."""
    try:
        head = json.loads((folder / HEAD).read_bytes())
    except OSError as error:
        raise StorageError(f"no campaign in {folder}: {error}") from error
    except ValueError as error:
        raise StorageError(f"{folder / HEAD} is damaged: {error}; {RESTORE}") from error
    if not isinstance(head, dict) or not isinstance(head.get("format"), int) or not isinstance(head.get("plan"), dict):
        raise StorageError(f"{folder / HEAD} is damaged: it has no format or no plan; {RESTORE}")
    return head


def events_folder(folder: StoragePath, head: Mapping[str, Any]) -> StoragePath:
    """The folder of a campaign's events; `head`: contents of campaign.json, which names another one after a repair."""
    return folder / str(head.get("events", EVENTS))


def read_events(folder: StoragePath, until: int | None = None) -> Iterator[Event]:
    """The events of a campaign folder, which a driver may be writing; oldest first.

    Args:
        folder: of the campaign.
        until: the line after which to stop; None for all there are.

    Raises:
        StorageError: they are damaged or incomplete, or there is one that this version does not know.
    """
    for line in _lines(folder):
        if until is not None and line.number > until:
            return
        yield from decode_line(line)


def _lines(folder: StoragePath) -> Iterator[Line]:
    """The lines of the events.

    Raises:
        StorageError: one is damaged or missing. The message says how to keep the rest.
    """
    head = _read_json(folder)
    repair = f"restore it from a copy, or keep the rest by: {_repair_command(folder)}"
    try:
        stored = stored_lines(folder)  # before the lines, of which a driver may write more
        if stored is None and head["format"] >= NUMBERED:
            raise StorageError(f"the newest lease in {folder} does not say how many events there are")
        yield from read_lines(events_folder(folder, head), stored)
    except StorageError as error:
        raise StorageError(f"{error}: {repair}") from error


def _repair_command(folder: StoragePath) -> str:
    return shlex.join(["gear-search", "repair", folder.name, "--storage", str(folder.parent)])


def decode_line(line: Line) -> list[Event]:
    """The events of a line.

    Raises:
        StorageError: they are damaged, or this version does not know one of them.
    """
    try:
        return [decode(event) for event in json.loads(line.events)]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{line.place} is damaged or of a newer version: {error!r}") from error


def is_taken(folder: StoragePath) -> bool:
    """Whether a folder has a campaign or other files; what a driver left that was killed as it began does not count."""
    names = {place.name for place in folder.glob("*")}
    return HEAD in names or any(name not in (LEASES, PLAN) and not name.startswith(".") for name in names)


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
    while is_taken(storage / f"{preset}-{counter}"):
        counter += 1
    return f"{preset}-{counter}"


def _last_driven(folder: StoragePath) -> float:
    written = [segment for place in folder.glob(f"{EVENTS}*") for segment in segments(place)[-1:]]
    return max(file.modified() for file in [folder / HEAD, *written])


def write_head(folder: StoragePath, head: Mapping[str, Any], plan_toml: str | None = None) -> None:
    """Write campaign.json, and plan.toml if its text is given."""
    if plan_toml is not None:
        (folder / PLAN).write_text(plan_toml)
    head = {"format": FORMAT, **head, "place": str(folder.resolved())}
    (folder / HEAD).write_text(json.dumps(head, indent=1))


@contextlib.contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Re-raise OSError as StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}") from error
