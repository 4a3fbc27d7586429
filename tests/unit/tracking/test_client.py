"""The connection: what is wrong is one line at once, who is away is known as such, and no secret is shown."""

import socket

import pytest

from gear.errors import StorageError
from tracking.client import ServerAway, open_client
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "mlflow.db").write_text("something else " * 100)
    for path in (tmp_path / "mlflow.db", tmp_path):
        with pytest.raises(StorageError, match="give another --tracking-uri"):
            Recorder(f"sqlite:///{path}", CampaignIdentity("quick-1"))


@pytest.mark.parametrize("uri", ["sqlite:////no/such/folder/mlflow.db", "nonsense://x", "sqlite:", "", "http://[", "x"])
def test_unusable_tracking_uri_is_one_line(uri):
    with pytest.raises(StorageError, match="give another --tracking-uri") as caught:
        open_client(uri, create=True)
    assert not isinstance(caught.value, ServerAway)
    one_line(caught)


def test_server_that_does_not_answer_is_away_and_not_wrong():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for uri in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"):
        with pytest.raises(ServerAway, match="does not answer") as caught:
            open_client(uri)
        one_line(caught)


def test_name_that_does_not_exist_is_wrong_and_not_away(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(StorageError, match="give another --tracking-uri") as caught:
        open_client("http://mlflow.internal.example:5000")
    assert not isinstance(caught.value, ServerAway)


def test_page_that_is_not_mlflow_is_wrong_and_not_away(server):
    with pytest.raises(StorageError, match="give another --tracking-uri") as caught:
        open_client(f"{server.uri}/elsewhere")
    assert not isinstance(caught.value, ServerAway)
    one_line(caught)


@pytest.mark.parametrize(
    ("uri", "instead"),
    [
        ("http://me:hunter2@127.0.0.1:5000", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("https://hunter2@127.0.0.1", "MLFLOW_TRACKING_TOKEN"),
        ("postgresql://me:hunter2@127.0.0.1/mlflow", "PGPASSWORD"),
        ("postgresql+psycopg2://127.0.0.1/mlflow?user=me&password=hunter2", "PGPASSWORD"),
        ("mysql://me:hunter2@127.0.0.1/mlflow", "configuration file"),
    ],
)
def test_secret_in_the_uri_is_refused_and_not_repeated(uri, instead):
    with pytest.raises(StorageError, match=instead) as caught:
        open_client(uri)
    assert "hunter2" not in one_line(caught)


@pytest.mark.parametrize("uri", ["postgresql+missing://me@127.0.0.1/mlflow", "postgresql+pg8000://me@127.0.0.1/mlflow"])
def test_database_without_its_driver_is_one_line(uri):
    with pytest.raises(StorageError, match="give another --tracking-uri") as caught:
        open_client(uri)
    one_line(caught)


def test_missing_driver_is_named():
    with pytest.raises(StorageError, match="install the Python package pg8000"):
        open_client("postgresql+pg8000://me@127.0.0.1/mlflow")


def test_server_wants_a_name_and_a_password(server, monkeypatch):
    server.password = "ada:lovelace"
    with pytest.raises(
        StorageError, match=r"denies access to this user \(401\): set MLFLOW_TRACKING_USERNAME"
    ) as caught:
        Recorder(server.uri, CampaignIdentity("secret"))
    one_line(caught)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "byron")
    with pytest.raises(StorageError, match="denies access to this user"):
        Recorder(server.uri, CampaignIdentity("secret"))
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "lovelace")
    Recorder(server.uri, CampaignIdentity("secret"))
    assert open_client(server.uri).get_experiment_by_name("secret") is not None


def test_a_relative_database_is_that_of_the_folder_where_it_is_opened(tmp_path, monkeypatch):
    found = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        open_client("sqlite:///mlflow.db", create=True).create_experiment(name)
    for name in ("one", "other"):
        monkeypatch.chdir(tmp_path / name)
        found.append({e.name for e in open_client("sqlite:///mlflow.db").search_experiments()} - {"Default"})
    assert found == [{"one"}, {"other"}]
