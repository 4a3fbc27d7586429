"""The artifacts of a SQLite file lie in `mlartifacts` beside it, wherever both are moved or copied. Needs no MLflow.

MLflow records absolute places. Where the file lies elsewhere than when they were recorded, they are brought up to date,
so that nothing is read from the old place or written to it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["artifacts_beside", "bring_up_to_date"]

FOLDER = "mlartifacts"
PLACES = (  # columns of MLflow's tables that hold places of artifacts
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def artifacts_beside(database: Path) -> Path:
    """The folder of the artifacts of a database file."""
    return database.parent / FOLDER


def bring_up_to_date(database: Path) -> None:
    """Let the recorded places be those beside the database, where it was moved or copied with its artifacts.

    Places that are still right stay: those of a database that was moved without its artifacts.

    Raises:
        sqlite3.Error: the database cannot be read, or needs a change and cannot be written.
    """
    beside = artifacts_beside(database)
    with closing(sqlite3.connect(database, timeout=20.0)) as connection, connection:
        known = [(table, column) for table, column in PLACES if column in _columns(connection, table)]
        if PLACES[0] not in known:  # MLflow has not used it yet
            return
        for root in _roots(connection):
            if _stays(root, beside):
                continue
            for table, column in known:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (beside.as_uri(), len(root) + 1, len(root) + 1, root + "/"),
                )


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}


def _roots(connection: sqlite3.Connection) -> set[str]:
    """The URIs of the folders in which experiments of this program have their artifacts, without a slash at the end."""
    places = (place for (place,) in connection.execute("SELECT artifact_location FROM experiments"))
    parents = (str(place).rpartition("/")[0] for place in places if str(place).startswith("file:"))
    return {parent for parent in parents if parent.endswith(f"/{FOLDER}")}


def _stays(root: str, beside: Path) -> bool:
    """Whether the recorded folder is the one beside the database, or the only one of both that there is."""
    recorded = Path(unquote(urlsplit(root).path))
    if not recorded.exists():
        return recorded == beside
    return not beside.exists() or beside.samefile(recorded)
