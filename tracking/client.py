"""The connection to MLflow: opened once, quietly, with errors a user understands."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mlflow
from mlflow import MlflowClient

from gear.errors import StorageError

__all__ = ["DEFAULT_TRACKING_URI", "artifact_location", "open_client"]

DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"  # what a bare `mlflow ui` in the same folder shows


def open_client(tracking_uri: str, *, create: bool = False) -> MlflowClient:
    """A client whose server has answered.

    Args:
        tracking_uri: of MLflow.
        create: make a SQLite file that is missing; only who writes should.

    Raises:
        StorageError: the file is missing or cannot be written, the server does not answer, or the URI is none.
    """
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    path = _sqlite_path(tracking_uri)
    if path is not None and not path.parent.is_dir():
        raise StorageError(f"cannot open {tracking_uri}: there is no folder {path.parent}; give another --tracking-uri")
    if path is not None and not create and not path.exists():
        raise StorageError(f"there is no {path}: run a search first, or give --tracking-uri")
    mlflow.set_tracking_uri(tracking_uri)
    try:
        if path is not None:
            _check_sqlite(path, write=create)
        client = MlflowClient(tracking_uri)
        client.search_experiments(max_results=1)
    except Exception as error:  # also what the database's driver raises, or that there is none
        line = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise StorageError(f"cannot open {tracking_uri} ({line}): give another --tracking-uri") from error
    return client


def artifact_location(tracking_uri: str, experiment: str) -> str | None:
    """Where an experiment's artifacts go: beside a SQLite file; a server knows its own place (None)."""
    path = _sqlite_path(tracking_uri)
    return None if path is None else (path.parent / "mlartifacts" / experiment).as_uri()


def _check_sqlite(path: Path, *, write: bool) -> None:
    """Fail at once: MLflow tries for minutes to open a file that cannot be opened."""
    with closing(sqlite3.connect(path, timeout=20.0)) as database:
        database.execute("BEGIN IMMEDIATE" if write else "PRAGMA schema_version")


def _sqlite_path(tracking_uri: str) -> Path | None:
    parts = urlsplit(tracking_uri)
    return Path(unquote(parts.path[1:])).absolute() if parts.scheme == "sqlite" else None
