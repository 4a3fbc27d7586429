"""Storage of either kind, and how it fails."""

import errno
import os

import pytest

from search.storage import s3 as storage_s3
from search.storage import s3_create
from search.storage.local import LocalPath
from search.storage.locate import open_folder
from tests.support.s3_server import BUCKET, Server


@pytest.fixture(scope="session")
def server():
    running = Server()
    yield running
    running.close()


@pytest.fixture
def s3(server, tmp_path, monkeypatch):
    """An empty place on S3, with its keys in the environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    storage_s3._client.cache_clear()
    s3_create._client.cache_clear()
    return open_folder(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture(params=["local", "s3"])
def storage(request, tmp_path):
    """Where campaigns lie."""
    return LocalPath(tmp_path / "campaigns") if request.param == "local" else request.getfixturevalue("s3")


@pytest.fixture
def make_old(request):
    """Make a file as old as 1970."""

    def make(file):
        if isinstance(file, LocalPath):
            os.utime(file.path, (1, 1))
        else:
            request.getfixturevalue("server").make_old(file.root.partition("/")[2])

    return make


@pytest.fixture
def refuse(request, storage, monkeypatch):
    """Let the next few writes take the bytes and then fail."""

    def local(times):
        refusals = iter(range(times))

        def fsync(file):
            if next(refusals, None) is not None:
                raise OSError(errno.EIO, "the share is away")

        monkeypatch.setattr(os, "fsync", fsync)

    def s3(times):
        request.getfixturevalue("server").refusals = times

    return local if isinstance(storage, LocalPath) else s3
