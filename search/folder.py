"""Where campaigns lie: a folder of this machine or a share, or a prefix of a bucket on S3.

The same words for both, after pathlib's. A `Folder` stands for a folder or a file in one; it can be pickled and holds
no secret.
"""

import abc
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gear.errors import InputDataError
from search.log import AppendedLog, Log

__all__ = ["DEFAULT_STORAGE", "Folder", "LocalFolder", "open_folder", "trial_folder"]

DEFAULT_STORAGE = os.environ.get("GEAR_STORAGE") or "campaigns"  # of all campaigns


class Folder(abc.ABC):
    """A folder, or a file in one. Whatever it is asked raises OSError where the storage refuses."""

    lag: ClassVar[float] = 0.0  # seconds after which a line of a log is stored for sure, durable or not

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Last part of its path."""

    @property
    @abc.abstractmethod
    def parent(self) -> "Folder":
        """The folder it lies in."""

    @abc.abstractmethod
    def __truediv__(self, relative: str) -> "Folder": ...

    @abc.abstractmethod
    def resolved(self) -> "Folder":
        """The same place as every machine names it."""

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether there is such a file or folder."""

    @abc.abstractmethod
    def modified(self) -> float:
        """When a file was last written, seconds since 1970."""

    @abc.abstractmethod
    def glob(self, pattern: str) -> "list[Folder]":
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


@dataclass(frozen=True, slots=True)
class LocalFolder(Folder):
    """On this machine, or on a share that looks like it."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> "LocalFolder":
        return LocalFolder(self.path.parent)

    def __truediv__(self, relative: str) -> "LocalFolder":
        return LocalFolder(self.path / relative)

    def resolved(self) -> "LocalFolder":
        return LocalFolder(self.path.resolve())

    def exists(self) -> bool:
        return self.path.exists()

    def modified(self) -> float:
        return self.path.stat().st_mtime

    def glob(self, pattern: str) -> list[Folder]:
        return [LocalFolder(path) for path in sorted(self.path.glob(pattern))]

    def read_bytes(self) -> bytes:
        return self.path.read_bytes()

    def write_bytes(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.name}.{uuid.uuid4().hex}")
        try:
            draft.write_bytes(data)
            draft.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise

    def remove(self) -> None:
        if self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def check_writable(self) -> None:
        parent = self.path.absolute()
        while not parent.exists():
            parent = parent.parent
        tempfile.TemporaryDirectory(dir=parent).cleanup()

    @contextlib.contextmanager
    def local(self) -> Iterator[Path]:
        if not self.path.exists():
            raise FileNotFoundError(f"no folder {self.path}")
        yield self.path

    @contextlib.contextmanager
    def written(self) -> Iterator[Path]:
        yield self.path

    def new_log(self) -> Log:
        return AppendedLog(self.path)


def open_folder(uri: str) -> Folder:
    """The folder that a path or `s3://BUCKET/PREFIX` names; it need not exist, a bucket must.

    Raises:
        InputDataError: neither a path nor such a URI.
        StorageError: no such bucket, or it refuses us.
    """
    scheme, separator, place = uri.partition("://")
    if not separator:
        return LocalFolder(Path(uri))
    if scheme != "s3":
        raise InputDataError(f"{scheme}:// is not supported: give a path, or s3://BUCKET/PREFIX")
    from search.object_store import open_s3  # pyarrow's S3 client, a tenth of a second

    return open_s3(place)


def trial_folder(study: str, number: int) -> str:
    """Where a trial writes, relative to the campaign folder."""
    return f"checkpoints/{study}/{number:04d}"
