"""A MLflow database a test, and its server."""

import shutil

import pytest

from tests.support.fake_records import record
from tests.support.mlflow_server import Server
from tracking.client import open_client
from tracking.recording import recorder
from tracking.report.reading import read_campaigns


@pytest.fixture
def uri(template, tmp_path):
    """Of an empty database, where a search in this folder would make its own."""
    shutil.copy(template, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def client(uri):
    return open_client(uri)


@pytest.fixture
def recorded(uri, client):
    """Writes studies to MLflow and gives what the report reads of them."""

    def write(*studies, campaign="quick-1"):
        record(client, uri, campaign, *studies)
        return read_campaigns(client, [])

    return write


@pytest.fixture(scope="session")
def one_server(template, tmp_path_factory):
    """MLflow's server keeps its database for the length of a process."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(template, folder / "mlflow.db")
    return Server(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")


@pytest.fixture
def server(one_server, monkeypatch):
    """It runs; a test may stop it, and gives its campaigns names of their own."""
    for name, value in one_server.environment.items():
        monkeypatch.setenv(name, value)
    one_server.start()
    yield one_server
    if one_server.running is not None:
        one_server.stop()
    one_server.password, one_server.lost = None, []


@pytest.fixture
def impatient(monkeypatch):
    """A request is soon repeated."""
    monkeypatch.setattr(recorder, "RETRY_SECONDS", (0.02, 0.1))
