"""Files of lines that grow: appended to where the storage can do it, otherwise written anew."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["FLUSH_SECONDS", "AppendedLog", "Log", "RewrittenLog"]

FLUSH_SECONDS = 2.0


class Log(Protocol):
    """A file of lines with one writer. A reader sees the lines up to some moment, the last one perhaps torn."""

    @property
    def full(self) -> bool:
        """Whether it is time for another file."""

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line, all of it or nothing once the next is tried; safe to repeat where it raises OSError.

        A durable one is safe on return, the others soon.
        """

    def close(self) -> None:
        """Store what is not stored yet."""


class AppendedLog:
    """A new file of a file system. A line survives the writer's death, a durable one the machine's.

    Raises:
        FileExistsError: there is such a file.
    """

    most_lines = 2000

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: BinaryIO | None = path.open("xb")
        self._lines = 0
        self._whole = 0  # bytes of the lines so far

    @property
    def full(self) -> bool:
        """Whether it is time for another file."""
        return self._lines >= self.most_lines

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line."""
        if self._file is None:  # the last line failed, somewhere in its middle
            os.truncate(self._path, self._whole)
            self._file = self._path.open("ab")
        try:
            self._file.write(line)
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            raise
        self._lines += 1
        self._whole += len(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class RewrittenLog:
    """An object of a store that cannot append: it is put anew with every durable line.

    Other lines wait for the next durable one, or for `FLUSH_SECONDS`; they are lost with the writer.

    Args:
        put: replaces the object's content, atomically.
    """

    most_lines = 300  # the last line costs as much as all before

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self._lines: list[bytes] = []
        self._stored = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def full(self) -> bool:
        """Whether it is time for another object."""
        return len(self._lines) >= self.most_lines

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line."""
        with self._lock:
            if durable:
                self._store([*self._lines, line])
            else:
                self._lines.append(line)
                self._store_soon()

    def close(self) -> None:
        """Store the lines that wait."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._store(self._lines)

    def _store(self, lines: list[bytes]) -> None:
        if len(lines) > self._stored:
            self._put(b"".join(lines))
            self._lines, self._stored = lines, len(lines)

    def _store_soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(FLUSH_SECONDS, self._on_time)
            self._timer.daemon = True
            self._timer.start()

    def _on_time(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self._store(self._lines)
            except OSError:  # the store is away
                self._store_soon()
