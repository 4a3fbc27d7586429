"""Folders on S3, or on a store with the same interface, through pyarrow.

Keys come from the environment or the role of the machine, in every process anew: a folder carries the endpoint and the
region only. An object is written whole, and every reader sees it at once. pyarrow cannot write an object on the
condition that there is none, as a lease needs: `search.storage.s3_create` does it.
"""

import contextlib
import fnmatch
import functools
import json
import os
import posixpath
import re
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pyarrow import NativeFile, fs

from gear.errors import InputDataError, StorageError
from search.storage.append_log import Log, RewrittenLog
from search.storage.base import StoragePath
from search.storage.s3_create import CONNECT_SECONDS, REQUEST_SECONDS, put_new

__all__ = ["ObjectStoreError", "S3Path", "open_s3"]

KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
READS = 10  # attempts to read an object that is rewritten meanwhile
FILES = "files.json"  # names of all other objects of a folder; written last and removed first
HOW_TO_ALLOW = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role, "
    "that may list, read, write and delete there"
)


class ObjectStoreError(OSError, StorageError):
    """The store does not carry out a request. It is retried like an error of a disk, and then shown in one line.

    `code` is the error code of the store, `NO_SUCH_BUCKET` for instance. Nothing else of its answer is repeated,
    since some answers repeat keys.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class S3Path(StoragePath):
    """A prefix or an object in a bucket.

    `root` is BUCKET/PREFIX. `endpoint` is the URL of a store that is not Amazon's. Where `region` is None, the AWS
    library finds it.
    """

    root: str
    endpoint: str | None = None
    region: str | None = None
    lag: ClassVar[float] = 30.0
    settling: ClassVar[float] = 30.0

    def __str__(self) -> str:
        return f"s3://{self.root}"

    @property
    def name(self) -> str:
        return posixpath.basename(self.root)

    @property
    def parent(self) -> "S3Path":
        return replace(self, root=posixpath.dirname(self.root))

    def __truediv__(self, relative: str) -> "S3Path":
        return replace(self, root=posixpath.join(self.root, relative))

    def resolved(self) -> "S3Path":
        return self

    def exists(self) -> bool:
        return self._info().type != fs.FileType.NotFound

    def modified(self) -> float:
        info = self._info()
        if info.mtime is None:
            raise FileNotFoundError(f"no object {self}")
        return float(info.mtime.timestamp())

    def glob(self, pattern: str) -> list[StoragePath]:
        names = (info.base_name for info in self._list(allow_not_found=True))
        return [self / name for name in sorted(names) if fnmatch.fnmatchcase(name, pattern)]

    def read_bytes(self) -> bytes:
        for _ in range(READS):
            with self._translated(), self._store().open_input_file(self.root) as file:
                version, data = _etag(file), bytes(file.read())
            if version == self._version():
                return data
            # pyarrow asks for the length, then for so many bytes: a longer object that was written meanwhile is cut off
        raise ObjectStoreError(f"{self} is written too often to be read")

    def write_bytes(self, data: bytes) -> None:
        with self._translated(), self._store().open_output_stream(self.root) as file:
            file.write(data)

    def create(self, data: bytes) -> None:
        try:
            put_new(self, data)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if self.read_bytes() == data:  # ours: the answer to an earlier attempt was lost
                    return
            raise

    def remove(self) -> None:
        with contextlib.suppress(OSError), self._translated():
            store, kind = self._store(), self._info().type
            if kind == fs.FileType.File:
                store.delete_file(self.root)
            if kind == fs.FileType.Directory:
                with contextlib.suppress(FileNotFoundError):
                    store.delete_file(f"{self.root}/{FILES}")
                store.delete_dir(self.root)

    def check_writable(self) -> None:
        probe = self / f".probe-{uuid.uuid4().hex}"
        probe.create(b"")
        probe.remove()

    @contextlib.contextmanager
    def local(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
            folder = Path(scratch) / self.name
            for name in self._file_names():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes((self / name).read_bytes())
            yield folder

    def _file_names(self) -> list[str]:
        """The names of the objects of a folder that was written completely."""
        try:
            names = json.loads((self / FILES).read_bytes())
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise FileNotFoundError(f"{self / FILES} is damaged")
        return names

    @contextlib.contextmanager
    def written(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
            folder = Path(scratch) / self.name
            yield folder
            (self / FILES).remove()
            names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            for name in names:
                (self / name).write_bytes((folder / name).read_bytes())
            (self / FILES).write_text(json.dumps(names))

    def new_log(self) -> Log:
        self.create(b"")
        return RewrittenLog(self.write_bytes)

    def credentials(self) -> dict[str, str]:
        return {name: os.environ[name] for name in KEY_VARIABLES if name in os.environ}

    def located(self) -> "S3Path":
        """The same path with the region of its bucket, which Amazon is asked for."""
        with self._translated():
            return replace(self, region=fs.resolve_s3_region(self.root.partition("/")[0]))

    def reach(self) -> None:
        """Raise ObjectStoreError where there is no such bucket, or access is denied."""
        with contextlib.suppress(FileNotFoundError):  # nothing was written under the prefix yet
            self._list(allow_not_found=False)

    def _store(self) -> fs.S3FileSystem:
        return _client(self.endpoint, self.region)

    def _version(self) -> bytes | None:
        with self._translated(), self._store().open_input_file(self.root) as file:
            return _etag(file)

    def _info(self) -> fs.FileInfo:
        with self._translated():
            return self._store().get_file_info(self.root)

    def _list(self, *, allow_not_found: bool) -> list[fs.FileInfo]:
        with self._translated():
            return self._store().get_file_info(fs.FileSelector(self.root, allow_not_found=allow_not_found))

    def error(self, code: str, operation: str) -> ObjectStoreError:
        """What to raise where the store answers a request with an error code, without any more of its answer."""
        if code == "NETWORK_CONNECTION":
            return ObjectStoreError(f"{self}: nothing answers at {self.endpoint or 'Amazon S3'}", code)
        return ObjectStoreError(f"{self}: {code} in {operation}", code)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Re-raise pyarrow's errors as ObjectStoreError, except FileNotFoundError."""
        try:
            yield
        except (FileNotFoundError, ObjectStoreError):
            raise
        except OSError as error:  # from None: its text may repeat a key
            if found := re.search(r"AWS Error (.+?) during (\w+) operation", str(error)):
                raise self.error(*found.groups()) from None
            if re.match("Bucket .* not found", str(error)):  # pyarrow's own message, when it looks up a region
                raise self.error("NO_SUCH_BUCKET", "HeadBucket") from None
            raise ObjectStoreError(f"{self}: the request failed") from None


def open_s3(place: str) -> S3Path:
    """A prefix of a bucket, with the endpoint and the region of the environment.

    Args:
        place: BUCKET/PREFIX.

    Raises:
        InputDataError: it is not that, or the endpoint is not a URL.
        StorageError: there is no such bucket, or access is denied.
    """
    bucket, _, prefix = place.partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]+", bucket) or "?" in prefix:  # not shown: it might hold a key
        raise InputDataError(
            "a place on S3 is s3://BUCKET/PREFIX and no more: set keys and endpoint by AWS_... variables"
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    if endpoint is not None and not re.fullmatch(r"https?://[\w.:\[\]-]+/?", endpoint):
        raise InputDataError("AWS_ENDPOINT_URL is not the URL of a server: write http://HOST:PORT or https://HOST")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
    folder = S3Path("/".join([bucket, *filter(None, prefix.split("/"))]), endpoint, region)
    try:
        if folder.region is None and endpoint is None:
            folder = folder.located()
        folder.reach()
    except OSError as error:
        raise StorageError(_advice(folder, bucket, error)) from None
    return folder


def _etag(file: NativeFile) -> bytes | None:
    """The ETag of an object as it was opened, which changes with its content."""
    metadata: dict[Any, bytes] = dict(file.metadata())
    return metadata.get("ETag")


def _advice(folder: S3Path, bucket: str, error: OSError) -> str:
    """Why a bucket cannot be used, and what to do."""
    code = getattr(error, "code", "")
    if code == "NO_SUCH_BUCKET":
        return f"there is no bucket {bucket} at {folder.endpoint or 'Amazon S3'}: create it, or give another --storage"
    if "NETWORK" in code:
        return f"{error}: set AWS_ENDPOINT_URL to the address of the store, or give another --storage"
    if "ACCESS" in code or "SIGNATURE" in code or "403" in code:
        return f"access to {folder} is denied ({code}): {HOW_TO_ALLOW}"
    return str(error)


@functools.cache
def _client(endpoint: str | None, region: str | None) -> fs.S3FileSystem:
    """The client of a store; there is one in each process."""
    settings: dict[str, Any] = {
        "region": region,
        "connect_timeout": CONNECT_SECONDS,
        "request_timeout": REQUEST_SECONDS,
        "allow_delayed_open": True,  # one request instead of three for a small object
    }
    if endpoint is not None:
        url = urlsplit(endpoint)
        settings |= {"region": region or "us-east-1", "scheme": url.scheme, "endpoint_override": url.netloc}
    return fs.S3FileSystem(**settings)
