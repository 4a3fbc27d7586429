"""Reads the runs of an experiment, and curves of many runs, in bulk.

From a database they are read table by table, since MLflow's own objects of the same rows cost ten times as much; from
a server in pages of a thousand runs and a hundred curves.
"""

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import sqlalchemy
from sqlalchemy import select

from tracking.mlflow_api import (
    DATABASE_ENGINES,
    LifecycleStage,
    MlflowClient,
    MlflowException,
    Run,
    SqlLatestMetric,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
    get_default_host_creds,
    http_request_safe,
)

__all__ = ["RunReader", "StoredRun", "run_reader"]

PAGE, CURVES_A_REQUEST, POINTS_A_CURVE = 1000, 100, 2500  # the maxima of MLflow's server
RUNS_A_QUERY = 500  # runs whose curves one query reads
ROWS_AT_ONCE = 10_000  # rows of a database that are held in memory
BULK = "/api/2.0/mlflow/metrics/get-history-bulk-interval"

RUN, LATEST, METRIC = cast(Any, SqlRun), cast(Any, SqlLatestMetric), cast(Any, SqlMetric)  # which have no types
PARTS: tuple[tuple[Any, str], ...] = (SqlTag, "tags"), (SqlParam, "params")

Curve = list[tuple[int, float]]  # (step, value), by step, the last value of each


@dataclass(slots=True)
class StoredRun:
    """A run. Times are in milliseconds since 1970; `artifacts` is where its files are; `metrics` has last values."""

    id: str
    name: str
    status: str
    start: int
    end: int | None
    artifacts: str
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> "StoredRun":
        """From MLflow's object."""
        info, data = run.info, run.data
        tags, params, metrics = dict(data.tags), dict(data.params), dict(data.metrics)
        times = info.start_time, info.end_time
        return cls(info.run_id, info.run_name, info.status, *times, info.artifact_uri, tags, params, metrics)


class RunReader(Protocol):
    """Reads runs that were not deleted. Its methods raise an error of MLflow or of SQLAlchemy where that fails."""

    def runs(self, experiment: str) -> list[StoredRun]:
        """All runs of an experiment."""

    def curves(self, runs: Sequence[str], metric: str) -> dict[str, Curve]:
        """A metric over the steps of runs, by run; a run without the metric is left out."""


def run_reader(client: MlflowClient, tracking_uri: str) -> RunReader:
    """The fastest reader of what a client of the URI reads."""
    if urlsplit(tracking_uri).scheme.partition("+")[0] in DATABASE_ENGINES:
        return _Database(tracking_uri)
    return _Server(client, tracking_uri)


class _Database:
    """Reads the tables of MLflow's own schema, which opening a client has checked."""

    def __init__(self, tracking_uri: str) -> None:
        self._engine = sqlalchemy.create_engine(tracking_uri, poolclass=sqlalchemy.NullPool)

    def runs(self, experiment: str) -> list[StoredRun]:
        own = RUN.experiment_id == int(experiment), RUN.lifecycle_stage == LifecycleStage.ACTIVE
        columns = RUN.run_uuid, RUN.name, RUN.status, RUN.start_time, RUN.end_time, RUN.artifact_uri
        seen: dict[str, str] = {}  # a text that many runs have is kept once
        found = {row[0]: StoredRun(*row) for row in self._rows(select(*columns).where(*own))}
        for table, part in PARTS:
            query = select(table.run_uuid, table.key, table.value)
            parts = {run: getattr(stored, part) for run, stored in found.items()}
            for run, key, value in self._rows(query.join(RUN, table.run_uuid == RUN.run_uuid).where(*own)):
                if run in parts:  # otherwise begun meanwhile
                    parts[run][sys.intern(key)] = seen.setdefault(value, value)
        query = select(LATEST.run_uuid, LATEST.key, LATEST.value, LATEST.is_nan)
        for run, key, value, is_nan in self._rows(query.join(RUN, LATEST.run_uuid == RUN.run_uuid).where(*own)):
            if run in found:
                found[run].metrics[sys.intern(key)] = math.nan if is_nan else value
        return list(found.values())

    def curves(self, runs: Sequence[str], metric: str) -> dict[str, Curve]:
        query = select(METRIC.run_uuid, METRIC.step, METRIC.timestamp, METRIC.value, METRIC.is_nan)
        found: dict[str, Curve] = {}
        for some in _parts(runs, RUNS_A_QUERY):
            rows = self._rows(query.where(METRIC.run_uuid.in_(some), METRIC.key == metric))
            found |= _curves((run, step, time, math.nan if n else value) for run, step, time, value, n in rows)
        return found

    def _rows(self, query: sqlalchemy.Select[Any]) -> Iterator[Any]:
        with self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)


class _Server:
    """Asks a server of MLflow."""

    def __init__(self, client: MlflowClient, tracking_uri: str) -> None:
        self._client, self._uri = client, tracking_uri
        self._bulk = True

    def runs(self, experiment: str) -> list[StoredRun]:
        found: list[StoredRun] = []
        token = None
        while True:
            page = self._client.search_runs([experiment], max_results=PAGE, page_token=token)
            found += map(StoredRun.of, page)
            token = page.token
            if not token:
                return found

    def curves(self, runs: Sequence[str], metric: str) -> dict[str, Curve]:
        found: dict[str, Curve] = {}
        for some in _parts(runs, CURVES_A_REQUEST):
            found |= _curves(self._points(some, metric))
        return found

    def _points(self, runs: Sequence[str], metric: str) -> list[tuple[str, int, int, float]]:
        """A request for many runs; one a run where the server is older than that request."""
        if self._bulk:
            asked = {"run_ids": runs, "metric_key": metric, "max_results": POINTS_A_CURVE}
            try:
                creds = get_default_host_creds(self._uri)  # type: ignore[no-untyped-call]
                answer = http_request_safe(creds, BULK, "GET", params=asked)  # type: ignore[no-untyped-call]
            except MlflowException as error:
                if error.error_code != "ENDPOINT_NOT_FOUND":
                    raise
                self._bulk = False
            else:
                return [_point(point) for point in answer.json().get("metrics", [])]
        return [
            (run, point.step, point.timestamp, point.value)
            for run in runs
            for point in self._client.get_metric_history(run, metric)
        ]


def _point(point: Mapping[str, Any]) -> tuple[str, int, int, float]:
    """From the JSON of a server, where large integers are texts and a step of 0 is left out."""
    return point["run_id"], int(point.get("step", 0)), int(point["timestamp"]), float(point.get("value", 0.0))


def _curves(points: Iterable[tuple[str, int, int, float]]) -> dict[str, Curve]:
    """Curves of (run, step, time, value) in any order; of a step that was recorded again, its last value."""
    found: dict[str, dict[int, float]] = {}
    for run, step, _, value in sorted(points, key=lambda point: point[:3]):
        found.setdefault(run, {})[step] = value
    return {run: list(values.items()) for run, values in found.items()}


def _parts(runs: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (runs[start : start + size] for start in range(0, len(runs), size))
