"""A lease on a campaign folder: one live driver at a time.

The leases of a folder are numbered files, `lease/000001.json` and so on; the one with the highest number counts. It
names its driver: host, process, start and last heartbeat. It is stale when that process is gone from this host or the
heartbeat is old. A driver takes a folder by creating the file of the next number, which exactly one of several drivers
can do (`StoragePath.create`): a hard link on a disk or share, a conditional PUT on S3. Only then are the older files
removed. The file appears with its whole content, so a crash leaves either the old lease or the new one. A lease that is
given back stays as an empty one, so that a number is never the highest twice.

What is guaranteed: of any number of drivers that want a free or stale lease, exactly one gets it; the others end with
an error before they write anything. A driver that was suspended so long that another took over finds the higher number
before its next durable event, and stops. What is not: a driver suspended for over `STALE_SECONDS` between that look and
its write may still write this one line, into a segment that its successor has read already.

A store that ignores the condition of a PUT lets two drivers that start in the same moment both create the file. The one
that wrote first finds the other's name in it before its first durable event, and stops.
"""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from dataclasses import asdict, dataclass

from gear.errors import StorageError
from search.storage.base import StoragePath

__all__ = ["Holder", "Lease", "read_lease"]

LEASES = "lease"
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 90.0  # without a heartbeat
READS = 10  # attempts to read the newest lease while others take over again and again
GIVEN_BACK = b"{}"


@dataclass(frozen=True, slots=True)
class Holder:
    """The driver that a lease names. Times are seconds since 1970."""

    token: str
    host: str
    pid: int
    since: float
    heartbeat: float

    @property
    def alive(self) -> bool:
        """Whether it still drives, as far as can be seen from this host."""
        if time.time() - self.heartbeat > STALE_SECONDS:
            return False
        return self.host != socket.gethostname() or _process_exists(self.pid)


def read_lease(folder: StoragePath) -> Holder | None:
    """The driver that holds a campaign folder, alive or not; None where nobody does.

    Raises:
        OSError: the folder cannot be read now.
    """
    return _newest(folder)[1]


class Lease:
    """Hold a folder until `release`; a thread renews the lease.

    Raises:
        StorageError: another live driver holds the folder.
        OSError: the folder cannot be read or written.
    """

    def __init__(self, folder: StoragePath) -> None:
        self.folder = folder
        self._me = Holder(uuid.uuid4().hex, socket.gethostname(), os.getpid(), time.time(), time.time())
        self._stop = threading.Event()
        self._number = self._take()
        self._thread = threading.Thread(target=self._renew_until_released, name="lease", daemon=True)
        self._thread.start()

    @property
    def held(self) -> bool:
        """Whether the folder is still ours.

        Raises:
            OSError: the folder cannot be read now.
        """
        number, holder = _newest(self.folder)
        if not number:  # a share that is not mounted looks like an empty folder
            raise FileNotFoundError(f"the lease in {self.folder} is gone")
        return number == self._number and holder is not None and holder.token == self._me.token

    def release(self) -> None:
        """Give the folder back."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # otherwise the lease becomes stale
            if self.held:
                _file(self.folder, self._number).write_bytes(GIVEN_BACK)

    def _take(self) -> int:
        """The number of the lease that is ours from now on."""
        newest, holder = _newest(self.folder)
        if holder is not None and holder.alive:
            raise StorageError(
                f"campaign {self.folder} is in use by process {holder.pid} on {holder.host}: "
                "wait for it, or end it and try again"
            )
        mine = _file(self.folder, newest + 1)
        taken = StorageError(f"campaign {self.folder} was just taken by another driver: try again later")
        try:
            mine.create(self._content())
        except FileExistsError:
            raise taken from None
        if _newest(self.folder)[0] != newest + 1:  # it was taken, given back and cleared since we looked
            mine.remove()
            raise taken
        for file in _files(self.folder)[:-1]:
            file.remove()
        return newest + 1

    def _renew_until_released(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):  # the storage is unavailable; the next heartbeat tries again
                if not self.held:
                    return
                _file(self.folder, self._number).write_bytes(self._content())

    def _content(self) -> bytes:
        return json.dumps(asdict(self._me) | {"heartbeat": time.time()}).encode()


def _file(folder: StoragePath, number: int) -> StoragePath:
    return folder / f"{LEASES}/{number:06d}.json"


def _files(folder: StoragePath) -> list[StoragePath]:
    """The leases of a folder, the newest last."""
    return (folder / LEASES).glob("[0-9]*.json")


def _newest(folder: StoragePath) -> tuple[int, Holder | None]:
    """Number of the newest lease, 0 where there is none, and its holder, None where it was given back."""
    for _ in range(READS):
        files = _files(folder)
        if not files:
            return 0, None
        with contextlib.suppress(FileNotFoundError):  # whoever took the next one has just removed it
            return int(files[-1].name.removesuffix(".json")), _holder(files[-1].read_bytes())
    raise OSError(f"the lease in {folder} changes hands too often to be read")


def _holder(content: bytes) -> Holder | None:
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):
        return None


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
