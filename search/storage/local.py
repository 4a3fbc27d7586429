"""Paths on a disk of this machine, or on a network share that is mounted."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gear.drafts import draft_file, draft_name, make_folder, sync, write_new
from search.storage.append_log import AppendedLog, Log
from search.storage.base import StoragePath

__all__ = ["LocalPath"]

NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP}  # a file system's answers where it has none


@dataclass(frozen=True, slots=True)
class LocalPath(StoragePath):
    """A path on a disk of this machine, or on a network share that is mounted."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> "LocalPath":
        return LocalPath(self.path.parent)

    def __truediv__(self, relative: str) -> "LocalPath":
        return LocalPath(self.path / relative)

    def resolved(self) -> "LocalPath":
        return LocalPath(self.path.resolve())

    def same_as(self, other: StoragePath) -> bool:
        return isinstance(other, LocalPath) and self.path.samefile(other.path)

    def exists(self) -> bool:
        return self.path.exists()

    def modified(self) -> float:
        return self.path.stat().st_mtime

    def glob(self, pattern: str) -> list[StoragePath]:
        return [LocalPath(path) for path in sorted(self.path.glob(pattern))]

    def read_bytes(self) -> bytes:
        return self.path.read_bytes()

    def write_bytes(self, data: bytes) -> None:
        make_folder(self.path.parent)
        with draft_file(self.path, durable=True) as draft:
            draft.write_bytes(data)

    def create(self, data: bytes) -> None:
        make_folder(self.path.parent)
        draft = draft_name(self.path)
        try:
            write_new(draft, data)
            os.link(draft, self.path)
        except FileExistsError:
            if draft.stat().st_nlink == 1:
                raise
            # otherwise NFS lost the answer to a link that it had made, and refused its repetition
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            write_new(self.path, data)  # seen without its content for a moment
        finally:
            draft.unlink(missing_ok=True)
        sync(self.path.parent)

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
