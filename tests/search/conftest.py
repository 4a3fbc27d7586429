"""Storage of either kind."""

import pytest

from search import object_store
from search.folder import LocalFolder, open_folder
from tests.search.storage import BUCKET, Server


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
    object_store._client.cache_clear()
    return open_folder(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture(params=["local", "s3"])
def storage(request, tmp_path):
    """Where campaigns lie."""
    return LocalFolder(tmp_path / "campaigns") if request.param == "local" else request.getfixturevalue("s3")
