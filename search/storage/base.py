"""Paths of campaign folders: on this machine, on a network share, or with a prefix of a bucket on S3.

A `StoragePath` is a folder or a file, with an interface like pathlib's. It can be pickled and holds no secret.
"""

import abc
import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from search.storage.append_log import Log

__all__ = ["StoragePath"]


class StoragePath(abc.ABC):
    """A folder or a file. Every method raises OSError where the storage is unavailable or denies access."""

    lag: ClassVar[float] = 0.0  # seconds after which readers see every line of a log, durable or not
    settling: ClassVar[float] = 10.0  # seconds after which it survives a crash of the machine, if others followed it

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The last part of the path."""

    @property
    @abc.abstractmethod
    def parent(self) -> "StoragePath":
        """The folder that contains it."""

    @abc.abstractmethod
    def __truediv__(self, relative: str) -> "StoragePath": ...

    @abc.abstractmethod
    def resolved(self) -> "StoragePath":
        """The same path as every machine can use it: absolute, without symbolic links."""

    def same_as(self, other: "StoragePath") -> bool:
        """Whether both are the same file or folder, whatever path leads there."""
        return self.resolved() == other.resolved()

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether there is such a file or folder."""

    @abc.abstractmethod
    def modified(self) -> float:
        """The time when a file was last written, in seconds since 1970."""

    def clock(self) -> float:
        """The time now by the clock that `modified` goes by, which need not be that of this machine."""
        probe = self / f".clock-{uuid.uuid4().hex}"
        probe.write_bytes(b"")
        try:
            return probe.modified()
        finally:
            probe.remove()

    def refresh(self) -> None:
        """Let `glob` find in this folder what other machines wrote, of which a network share may know nothing yet."""
        self.clock()  # after a write of its own a client of NFS asks the server for the names

    @abc.abstractmethod
    def glob(self, pattern: str) -> "list[StoragePath]":
        """The files and folders in this folder whose names match, sorted; none where there is no such folder."""

    @abc.abstractmethod
    def read_bytes(self) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def read_text(self) -> str:
        """The content of a file, decoded from UTF-8."""
        return self.read_bytes().decode()

    @abc.abstractmethod
    def write_bytes(self, data: bytes) -> None:
        """Write a file durably, and the folders above it; a reader sees the old content or the complete new one."""

    def write_text(self, text: str) -> None:
        """Write a file in UTF-8, as `write_bytes` does."""
        self.write_bytes(text.encode())

    @abc.abstractmethod
    def create(self, data: bytes) -> None:
        """Write a new file durably, and the folders above it; exactly one of several writers succeeds.

        The file appears with all of its content.

        Raises:
            FileExistsError: there is such a file.
            StorageError: a package that this needs is not installed.
        """

    @abc.abstractmethod
    def remove(self) -> None:
        """Remove a file, or a folder and everything in it. Errors are ignored: what cannot be removed stays."""

    @abc.abstractmethod
    def check_writable(self) -> None:
        """Try whether the folder can be written, and remove what that takes.

        Raises:
            OSError: it cannot be written.
            StorageError: a package that this needs is not installed.
        """

    @abc.abstractmethod
    def local(self) -> AbstractContextManager[Path]:
        """A folder that `written` wrote, as a folder of this machine, for the length of a block.

        Raises:
            FileNotFoundError: there is no such folder, or it was not written completely.
        """

    @abc.abstractmethod
    def written(self) -> AbstractContextManager[Path]:
        """The path on this machine where a block creates a folder; it is then stored at this path.

        The block must create the folder completely or not at all.
        """

    @abc.abstractmethod
    def new_log(self) -> Log:
        """A log in a new file at this path.

        Raises:
            FileExistsError: there is such a file.
        """

    def credentials(self) -> dict[str, str]:
        """Environment variables that another machine needs to reach it. They are secret and must never be stored."""
        return {}
