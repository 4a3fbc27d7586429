"""The connection to MLflow, with errors that a user understands.

A user's name, password or token for a server come only from MLflow's own environment variables.
"""

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import requests
import sqlalchemy

from gear.errors import GearError, StorageError
from tracking.artifact_places import artifacts_beside, bring_up_to_date
from tracking.mlflow_api import ERROR_CODE_TO_HTTP_STATUS, MlflowClient, MlflowException, mlflow

__all__ = [
    "ServerAway",
    "artifact_location",
    "explained",
    "first_line",
    "is_away",
    "open_client",
]

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}  # of databases on a server, where the URI names none
CREDENTIALS = {
    "http": "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    "https": "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    "postgresql": "PGPASSWORD, or use ~/.pgpass",
}
AWAY_STATUS = {408, 429, 502, 503, 504}  # the answers of a server, or of a proxy before it, that is unavailable now
ANSWER_SECONDS = 5.0
SETTINGS = {  # a server that is away fails fast, and nothing is printed or looked up that no user asked for
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SKIP_PIP_REQUIREMENTS_CHECK": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
LEVELS = {"mlflow": logging.ERROR, "mlflow.store.db": logging.CRITICAL, "alembic": logging.ERROR}  # of loggers


class ServerAway(StorageError):
    """The URI is valid, but no server answers there now."""


def open_client(tracking_uri: str, *, create: bool = False) -> MlflowClient:
    """A client whose server has answered.

    MLflow reads its settings from environment variables at every request. Those that are not set are set here and stay
    set while the process lives, since a client does; the loggers of MLflow are quietened likewise.

    Args:
        tracking_uri: of MLflow.
        create: make a SQLite file that is missing; only for callers that write.

    Raises:
        ServerAway: the server does not answer now.
        StorageError: the URI is invalid or holds a password, the server denies access, the file is missing or cannot be
            written.
    """
    _configure_mlflow()
    try:
        parts = urlsplit(tracking_uri)
        _refuse_secrets(parts)
        _check_database(tracking_uri, parts, create=create)
        place = _with_folder(tracking_uri)
        mlflow.set_tracking_uri(place)
        client = MlflowClient(place)
        client.search_experiments(max_results=1)
    except GearError:
        raise
    except Exception as error:  # including what the driver of a database raises, or a missing driver
        raise explained(tracking_uri, error) from error
    return client


def explained(tracking_uri: str, error: Exception) -> StorageError:
    """An error of MLflow, or of a driver beneath it, as one line for a user."""
    if is_away(error):
        return ServerAway(f"MLflow at {tracking_uri} does not answer ({first_line(error)})")
    status, scheme = _status(error), tracking_uri.partition(":")[0]
    if status in (401, 403) and scheme in ("http", "https"):
        return StorageError(
            f"MLflow at {tracking_uri} denies access to this user ({status}): set {CREDENTIALS[scheme]}"
        )
    if isinstance(error, ModuleNotFoundError):
        hint = f"install the Python package {error.name}, or give another --tracking-uri"
    else:
        hint = "give another --tracking-uri"
    return StorageError(f"cannot open {tracking_uri} ({first_line(error)}): {hint}")


def is_away(error: BaseException) -> bool:
    """Whether an error means that the server cannot be reached now but may be reachable later."""
    chain = list(_chain(error))
    if any(isinstance(e, socket.gaierror) and e.errno != socket.EAI_AGAIN for e in chain):
        return False  # no such host
    if any(isinstance(e, requests.exceptions.SSLError) for e in chain):
        return False
    lost = (ServerAway, requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError)
    statuses = (_status(e) for e in chain)
    return any(isinstance(e, lost) for e in chain) or any(status in AWAY_STATUS for status in statuses)


def first_line(error: BaseException) -> str:
    """The first line of an error's message; where the server is away, of the innermost error, the most precise one."""
    if is_away(error):
        *_, error = _chain(error)
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__


def artifact_location(tracking_uri: str, experiment: str) -> str | None:
    """Where an experiment's artifacts go: beside a SQLite file; None for a server, which decides itself."""
    path = _sqlite_path(urlsplit(tracking_uri))
    return None if path is None else (artifacts_beside(path) / experiment).as_uri()


def _configure_mlflow() -> None:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # not for a user to change: a request whose answer was lost must not be sent again unseen, or it makes a second run
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)


def _refuse_secrets(parts: SplitResult) -> None:
    """Reject a URI with a password: URIs are printed and logged."""
    if parts.password is None and "password=" not in parts.query and not (parts.username and "http" in parts.scheme):
        return
    elsewhere = CREDENTIALS.get(parts.scheme.partition("+")[0], "the driver's own configuration file")
    raise StorageError(
        f"--tracking-uri {parts.scheme}://...@{parts.hostname} contains a secret: remove it and set {elsewhere}"
    )


def _check_database(tracking_uri: str, parts: SplitResult, *, create: bool) -> None:
    """Fail at once, where MLflow would try for minutes to open a database that cannot be opened."""
    kind = parts.scheme.partition("+")[0]
    path = _sqlite_path(parts)
    if path is not None:
        _check_sqlite(tracking_uri, path, create=create)
    elif kind in PORTS:
        engine = sqlalchemy.create_engine(tracking_uri)  # imports the driver
        if parts.hostname is not None:
            socket.create_connection((parts.hostname, parts.port or PORTS[kind]), ANSWER_SECONDS).close()
        engine.connect().close()
        engine.dispose()


def _check_sqlite(tracking_uri: str, path: Path, *, create: bool) -> None:
    if not path.parent.is_dir():
        raise StorageError(f"cannot open {tracking_uri}: there is no folder {path.parent}; give another --tracking-uri")
    if not create and not path.exists():
        raise StorageError(f"there is no {path}: run a search first, or give --tracking-uri")
    with closing(sqlite3.connect(path, timeout=20.0)) as database:
        database.execute("BEGIN IMMEDIATE" if create else "PRAGMA schema_version")
    try:
        bring_up_to_date(path)
    except sqlite3.Error:  # of a file that may only be read: what is not found in the recorded places is named then
        if create:
            raise


def _with_folder(tracking_uri: str) -> str:
    """The URI with the folder of a SQLite file: MLflow keeps a database open by its URI, wherever the process goes."""
    file, folder = tracking_uri.removeprefix("sqlite:///"), str(Path.cwd())
    if file == tracking_uri or file.startswith("/") or set(folder) & set("?#%"):  # which mean something in a URI
        return tracking_uri
    return f"sqlite:///{folder}/{file}"


def _sqlite_path(parts: SplitResult) -> Path | None:
    return Path(unquote(parts.path[1:])).absolute() if parts.scheme == "sqlite" else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status of an error, if it has one."""
    if isinstance(error, MlflowException):
        return ERROR_CODE_TO_HTTP_STATUS.get(error.error_code, 500)
    response = error.response if isinstance(error, requests.RequestException) else None
    return None if response is None else response.status_code
