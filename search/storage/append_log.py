"""Logs: files of lines that grow. Lines are appended where the storage can do that; otherwise the file is rewritten."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from gear.drafts import make_folder, sync

__all__ = ["FLUSH_SECONDS", "AppendedLog", "Log", "RewrittenLog"]

FLUSH_SECONDS = 2.0


class Log(Protocol):
    """A file of lines with one writer. A reader sees all lines up to some moment; the last one may be incomplete."""

    @property
    def full(self) -> bool:
        """Whether the next line belongs in a new file."""

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line. A call that raises OSError may be repeated: what it has written of the line is removed first.

        A durable line survives a crash of the machine when the call returns, any other soon after, by the call that
        adds a later line at the latest.
        """

    def close(self) -> None:
        """Store the lines that are not stored yet."""


class AppendedLog:
    """A new file of a file system. A line survives a crash of the writer at once.

    It survives one of the machine with the next durable line, or the next that is added `FLUSH_SECONDS` later.

    Raises:
        FileExistsError: there is such a file.
    """

    max_lines = 2000

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path = path
        self._file: BinaryIO | None = path.open("xb")
        sync(path.parent)
        self._lines = 0
        self._whole = 0  # bytes of the complete lines
        self._synced = time.monotonic()

    @property
    def full(self) -> bool:
        """Whether the next line belongs in a new file."""
        return self._lines >= self.max_lines

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line."""
        if self._file is None:  # the last line failed and may be incomplete
            os.truncate(self._path, self._whole)
            self._file = self._path.open("ab")
        try:
            self._file.write(line)
            self._file.flush()
            if durable or time.monotonic() - self._synced >= FLUSH_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            raise
        self._lines += 1
        self._whole += len(line)

    def close(self) -> None:
        """Bring all lines to the disk, and close the file."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()


class RewrittenLog:
    """An object of a store that cannot append: it is rewritten with every durable line.

    Other lines wait for the next durable one, or for `FLUSH_SECONDS`. If the writer dies before that they are lost.

    Args:
        put: replaces the content of the object, atomically.
    """

    max_lines = 300  # each line rewrites all lines before it

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self._lines: list[bytes] = []
        self._stored = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def full(self) -> bool:
        """Whether the next line belongs in a new object."""
        return len(self._lines) >= self.max_lines

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line."""
        with self._lock:
            if durable:
                self._store([*self._lines, line])
            else:
                self._lines.append(line)
                self._store_soon()

    def close(self) -> None:
        """Store the lines that wait, and cancel the timer."""
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
            self._timer = threading.Timer(FLUSH_SECONDS, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def _flush(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self._store(self._lines)
            except OSError:  # the store is unavailable
                self._store_soon()
