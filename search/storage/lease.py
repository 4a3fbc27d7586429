"""A lease on a campaign folder: one live driver at a time.

The leases of a folder are numbered files, `lease/000001.json` and so on; the one with the highest number counts. It
names its driver, which renews it, and says how many lines of events are stored for sure. A driver takes a folder by
creating the file of the next number, which exactly one of several drivers can do (`StoragePath.create`): a hard link on
a disk or share, a conditional PUT on S3. Only then are the older files removed. The file appears with its whole
content, so a crash leaves either the old lease or the new one. A lease that is given back names no driver any more; it
stays, so that a number is never the highest twice.

A lease is stale when its process has ended for sure (`search.storage.process_identity`), or when it was not renewed for
`STALE_SECONDS` by the storage's own clock and then does not change while whoever wants it watches for `WATCH_SECONDS`.
So no clock of another machine decides anything.

What is guaranteed: of any number of drivers that want a free or stale lease, exactly one gets it; the others end with
an error before they write anything. A driver that was stopped so long that another took over finds the higher number
before it writes its next events, and ends. If it was stopped between that look and its write, readers ignore what it
writes: each line bears the number of the lease (`search.storage.event_log`).

A store that ignores the condition of a PUT lets two drivers that start in the same moment both create the file. The one
that wrote first finds the other's name in it before its first event, and stops.
"""

import contextlib
import json
import logging
import threading
import time
import uuid
from dataclasses import asdict, dataclass, replace
from typing import Any

from gear.errors import StorageError
from search.storage.base import StoragePath
from search.storage.process_identity import ProcessIdentity, this_process

__all__ = ["LEASES", "Holder", "Lease", "read_lease", "stored_lines"]

log = logging.getLogger(__name__)

LEASES = "lease"
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 90.0  # without a heartbeat
WATCH_SECONDS = 25.0  # two heartbeats and a half
POLL_SECONDS = 1.0
FRESH_SECONDS = 1.0  # for which a driver that looked believes that it still has the lease
READS = 10  # attempts to read the newest lease while others take over again and again
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps


@dataclass(frozen=True, slots=True)
class Holder:
    """The driver that a lease names.

    Attributes:
        token: of this driver only.
        process: that drives.
        since: when it began, by its clock, in seconds since 1970.
        drove: seconds from then until it renewed the lease, by its clock.
        age: seconds since it renewed the lease, by the clock of the storage.
    """

    token: str
    process: ProcessIdentity
    since: float
    drove: float = 0.0
    age: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether it still drives, as far as can be seen from here without waiting."""
        return self.age <= STALE_SECONDS and not self.process.gone

    def __str__(self) -> str:
        return f"process {self.process.pid} on {self.process.host}"


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest lease of a folder. `number` is 0 where there is none; `lines`: see `stored_lines`."""

    number: int = 0
    holder: Holder | None = None
    lines: int | None = None


def read_lease(folder: StoragePath) -> Holder | None:
    """The driver that holds a campaign folder, alive or not; None where nobody does.

    Raises:
        OSError: the folder cannot be read now.
    """
    newest = _newest(folder)
    if newest.holder is None:
        return None
    try:
        age = max(_clock(folder) - _file(folder, newest.number).modified(), 0.0)
    except FileNotFoundError:  # another driver has just taken over
        age = 0.0
    return replace(newest.holder, age=age)


def _clock(folder: StoragePath) -> float:
    """The time now by the clock of the storage; by that of this machine where the folder may only be read."""
    try:
        return folder.clock()
    except OSError:
        return time.time()


def stored_lines(folder: StoragePath) -> int | None:
    """How many lines of events a campaign folder has at least; None where no driver has said so yet.

    Raises:
        OSError: the folder cannot be read now.
    """
    return _newest(folder).lines


class Lease:
    """Hold a folder until `release`; a thread renews the lease.

    Attributes:
        folder: that is held.
        number: of the lease; a later one has a higher number.
        lines: of events that are stored for sure, None before the first `mark` of a campaign.

    Raises:
        StorageError: another live driver holds the folder.
        OSError: the folder cannot be read or written.
    """

    def __init__(self, folder: StoragePath) -> None:
        self.folder = folder
        self.lines: int | None = None
        self._me = Holder(uuid.uuid4().hex, this_process(), time.time())
        self._stop, self._writes = threading.Event(), threading.Lock()
        self._seen = time.clock_gettime(CLOCK)
        self.number = self._take()
        self._thread = threading.Thread(target=self._renew_until_released, name="lease", daemon=True)
        self._thread.start()

    @property
    def held(self) -> bool:
        """Whether the folder is still ours.

        Raises:
            OSError: the folder cannot be read now.
        """
        newest = _newest(self.folder)
        if not newest.number:  # a share that is not mounted looks like an empty folder
            raise FileNotFoundError(f"the lease in {self.folder} is gone")
        return newest.number == self.number and newest.holder is not None and newest.holder.token == self._me.token

    def check(self, *, now: bool) -> None:
        """Do nothing while the folder is ours.

        Args:
            now: look again, even if that was done less than `FRESH_SECONDS` ago.

        Raises:
            StorageError: another driver has taken over.
            OSError: the folder cannot be read now.
        """
        asked = time.clock_gettime(CLOCK)
        if now or asked - self._seen > FRESH_SECONDS:
            if not self.held:
                raise StorageError(f"another driver has taken over {self.folder}: this one stops")
            self._seen = asked

    def mark(self, lines: int) -> None:
        """Record how many lines of events are stored for sure.

        Raises:
            OSError: the folder cannot be written now.
        """
        self.lines = lines
        self._write()

    def release(self) -> None:
        """Give the folder back."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # otherwise the lease becomes stale
            if self.held:
                _file(self.folder, self.number).write_text(json.dumps({"lines": self.lines}))

    def _take(self) -> int:
        """The number of the lease that is ours from now on."""
        newest = _newest(self.folder)
        if newest.holder is not None and not _is_stale(self.folder, newest.number, newest.holder):
            raise StorageError(
                f"campaign {self.folder} is in use by {newest.holder}: wait for it, or end it and try again"
            )
        number, self.lines = newest.number + 1, newest.lines
        mine = _file(self.folder, number)
        taken = StorageError(f"campaign {self.folder} was just taken by another driver: try again later")
        try:
            mine.create(self._content())
        except FileExistsError:
            raise taken from None
        if _newest(self.folder).number != number:  # it was taken, given back and cleared since we looked
            mine.remove()
            raise taken
        for file in _files(self.folder)[:-1]:
            file.remove()
        return number

    def _renew_until_released(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):  # the storage is unavailable; the next heartbeat tries again
                if not self.held:
                    return
                self._write()

    def _write(self) -> None:
        with self._writes:
            _file(self.folder, self.number).write_bytes(self._content())

    def _content(self) -> bytes:
        """The lease as it is written: it differs each time, since whoever watches it looks for a change."""
        me = {"token": self._me.token, "since": self._me.since, **asdict(self._me.process)}
        return json.dumps(me | {"heartbeat": time.time(), "lines": self.lines}).encode()


def _is_stale(folder: StoragePath, number: int, holder: Holder) -> bool:
    """Whether the driver that a lease names is gone. Waits where that cannot be seen at once."""
    if holder.process.gone:
        return True
    file = _file(folder, number)
    with contextlib.suppress(FileNotFoundError):  # another driver took it: then this one cannot
        age, before = folder.clock() - file.modified(), file.read_bytes()
        if abs(age) <= STALE_SECONDS:
            return False
        watch = WATCH_SECONDS if age > 0.0 else STALE_SECONDS  # a file of the future says nothing about its age
        log.warning("looking for %g s whether %s still drives %s", watch, holder, folder)
        deadline = time.clock_gettime(CLOCK) + watch
        while time.clock_gettime(CLOCK) < deadline:
            time.sleep(min(POLL_SECONDS, watch))
            if file.read_bytes() != before:
                return False
    return True


def _file(folder: StoragePath, number: int) -> StoragePath:
    return folder / f"{LEASES}/{number:06d}.json"


def _files(folder: StoragePath) -> list[StoragePath]:
    """The leases of a folder, the newest last."""
    return (folder / LEASES).glob("[0-9][0-9][0-9][0-9][0-9][0-9].json")


def _newest(folder: StoragePath) -> _Newest:
    for _ in range(READS):
        files = _files(folder)
        if not files:
            return _Newest()
        with contextlib.suppress(FileNotFoundError):  # whoever took the next one has just removed it
            return _parsed(int(files[-1].name.removesuffix(".json")), files[-1].read_bytes())
    raise OSError(f"the lease in {folder} changes hands too often to be read")


def _parsed(number: int, content: bytes) -> _Newest:
    """A lease, also one of an earlier version, which knows less of the process and nothing of lines."""
    try:
        data: dict[str, Any] = json.loads(content)
        lines = data.get("lines")
        if "token" not in data:
            return _Newest(number, None, lines)
        since = data["since"]
        who = ProcessIdentity(*(data.get(name, "") for name in ("host", "pid", "boot", "namespace", "start")))
        return _Newest(number, Holder(data["token"], who, since, max(data["heartbeat"] - since, 0.0)), lines)
    except (ValueError, KeyError, AttributeError, TypeError):
        return _Newest(number)
