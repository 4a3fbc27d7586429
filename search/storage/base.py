"""Where campaigns lie: a folder of this machine or a share, or a prefix of a bucket on S3.

The same words for both, after pathlib's. A `StoragePath` stands for a folder or a file in one; it can be pickled and
holds no secret.
"""

import abc
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from search.storage.append_log import Log

__all__ = ["StoragePath"]


class StoragePath(abc.ABC):
    """A folder, or a file in one. Whatever it is asked raises OSError where the storage refuses."""

    lag: ClassVar[float] = 0.0  # seconds after which a line of a log is stored for sure, durable or not

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Last part of its path."""

    @property
    @abc.abstractmethod
    def parent(self) -> "StoragePath":
        """The folder it lies in."""

    @abc.abstractmethod
    def __truediv__(self, relative: str) -> "StoragePath": ...

    @abc.abstractmethod
    def resolved(self) -> "StoragePath":
        """The same place as every machine names it."""

    def same_as(self, other: "StoragePath") -> bool:
        """Whether both are the same file or folder, whatever path leads there."""
        return self.resolved() == other.resolved()

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether there is such a file or folder."""

    @abc.abstractmethod
    def modified(self) -> float:
        """When a file was last written, seconds since 1970."""

    @abc.abstractmethod
    def glob(self, pattern: str) -> "list[StoragePath]":
        """What lies in the folder under names like this, sorted; nothing where there is no such folder."""

    @abc.abstractmethod
    def read_bytes(self) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError: there is none.
        """

    def read_text(self) -> str:
        """A file's content."""
        return self.read_bytes().decode()

    @abc.abstractmethod
    def write_bytes(self, data: bytes) -> None:
        """Write a file, and the folders above it; a reader sees the old one or the whole new one."""

    def write_text(self, text: str) -> None:
        """Write a file, as `write_bytes` does."""
        self.write_bytes(text.encode())

    @abc.abstractmethod
    def create(self, data: bytes) -> None:
        """Write a new file, and the folders above it, whole; of several writers exactly one succeeds.

        Raises:
            FileExistsError: there is such a file.
            StorageError: a package that this needs is not installed.
        """

    @abc.abstractmethod
    def remove(self) -> None:
        """Remove a file, or a folder and all in it. What the storage does not give up stays."""

    @abc.abstractmethod
    def check_writable(self) -> None:
        """Raise OSError where the folder could not be written; leaves nothing behind."""

    @abc.abstractmethod
    def local(self) -> AbstractContextManager[Path]:
        """A folder of files that `written` made, to be read as files of this machine inside the block.

        Raises:
            FileNotFoundError: there is none, or it was not written to its end.
        """

    @abc.abstractmethod
    def written(self) -> AbstractContextManager[Path]:
        """Where the block is to make a folder of files, which then appears here.

        The block must make it whole or not at all.
        """

    @abc.abstractmethod
    def new_log(self) -> Log:
        """A new file of lines."""

    def credentials(self) -> dict[str, str]:
        """Environment variables by which another machine may reach it: secret, to be handed on and never stored."""
        return {}
