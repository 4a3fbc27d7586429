"""A lease on a campaign folder: one live driver at a time.

The lease is a file with the driver's host, process, start and last heartbeat. It is stale, and taken over, when
its process is gone from this host or its heartbeat is old.

Taking it is to write it and to read it back, since neither a share nor S3 through pyarrow offers more. Two drivers that
do so within the same moment may both find themselves: the one that wrote first finds the other's name before its first
durable event, and stops without having written any. What is left is a driver suspended for over `STALE_SECONDS` between
that look and its write: its one line may come late, into a segment that its successor has read already.
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

NAME = "lease.json"
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 90.0  # of silence; a driver that was only suspended finds its lease gone and stops


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
    try:
        return Holder(**json.loads((folder / NAME).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


class Lease:
    """Hold a folder until `release`; a thread renews it.

    Raises:
        StorageError: another live driver holds it.
    """

    def __init__(self, folder: StoragePath) -> None:
        self.folder = folder
        self._me = Holder(uuid.uuid4().hex, socket.gethostname(), os.getpid(), time.time(), time.time())
        self._stop = threading.Event()
        self._take()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    @property
    def held(self) -> bool:
        """Whether the folder is still ours."""
        holder = read_lease(self.folder)
        return holder is not None and holder.token == self._me.token

    def release(self) -> None:
        """Give the folder back."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # it goes stale by itself
            if self.held:
                (self.folder / NAME).remove()

    def _take(self) -> None:
        holder = read_lease(self.folder)
        if holder is not None and holder.alive:
            raise StorageError(
                f"campaign {self.folder} is in use by process {holder.pid} on {holder.host}: "
                "wait for it, or end it and try again"
            )
        self._write()
        if not self.held:  # another driver took the stale lease at the same moment
            raise StorageError(f"campaign {self.folder} was just taken by another driver: try again later")

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):  # a hiccup of the disk; the next beat tries again
                if not self.held:
                    return
                self._write()

    def _write(self) -> None:
        (self.folder / NAME).write_text(json.dumps(asdict(self._me) | {"heartbeat": time.time()}))


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
