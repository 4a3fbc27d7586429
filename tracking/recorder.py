"""Records a campaign in MLflow: an experiment a campaign, a parent run a study, a child run a trial.

Calls return at once and never raise: a thread writes what they queue, in batches, in order, and tries again while a
server is away; what MLflow refuses for good is left out, and counted when the recorder closes. Everything is idempotent
by (study, trial, epoch), so a driver that resumes a campaign tells the whole story from the start and only what is
missing is written.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from gear.errors import StorageError
from tracking.client import DEFAULT_TRACKING_URI, artifact_location, open_client

__all__ = ["DEFAULT_TRACKING_URI", "Recorder", "StudyInfo"]

log = logging.getLogger(__name__)

Scalar = str | int | float | bool | None
State = Literal["complete", "pruned", "failed"]
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}  # MLflow's words
MAX_METRICS, MAX_PARAMS = 1000, 100  # of a batch
PARENT = -1  # stands for a study's own run among its trials
REFUSED = {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}  # whatever is repeated
RETRY_SECONDS = (0.5, 30.0)  # first and longest wait for a server that is away
CLOSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """What is known of a study before it starts. `tags`, its hashes of split and data among them, go to every run."""

    name: str
    pair: str
    split: str
    method: str
    budget: int
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """What MLflow holds of a run."""

    id: str
    ended: bool = False
    last_epoch: int = 0
    params: set[str] = field(default_factory=set)  # names; a value stays as it was first written
    metrics: list[Metric] = field(default_factory=list)  # not yet written


class _Task(Protocol):
    """One thing to write; safe to repeat if it failed half-way."""

    def __call__(self) -> None: ...


class Recorder:
    """Writes one campaign. A context manager.

    Args:
        tracking_uri: of MLflow.
        campaign: its name, the experiment's.
        created: tells a new campaign from an older one of the same name, which keeps its experiment.

    Raises:
        StorageError: MLflow cannot be reached or written now.
    """

    def __init__(self, tracking_uri: str, campaign: str, created: str = "", client: MlflowClient | None = None) -> None:
        self._client = client or open_client(tracking_uri, create=True)
        self._campaign = campaign
        try:
            self._experiment = find_experiment(self._client, tracking_uri, campaign, created)
            self._runs = _existing_runs(self._client, self._experiment)
        except Exception as error:
            raise StorageError(f"cannot record in {tracking_uri}: {error}") from error
        self._studies: dict[str, StudyInfo] = {}
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._refusals: list[str] = []
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._write, name="mlflow-recorder", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def study_started(self, study: StudyInfo) -> None:
        """Make the parent run."""
        self._put(lambda now: self._start_study(study, now))

    def trial_started(
        self, study: str, number: int, params: Mapping[str, Scalar], tags: Mapping[str, str] | None = None
    ) -> None:
        """Make the child run, with the whole configuration as params."""
        self._put(lambda now: self._start_trial(study, number, params, tags or {}, now))

    def trial_epoch(self, study: str, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Metrics of an epoch; an epoch that was recorded before is left out."""
        self._put(lambda now: self._add_epoch(study, number, epoch, metrics, now))

    def trial_ended(
        self,
        study: str,
        number: int,
        state: State,
        reason: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """The verdict: FINISHED, KILLED (pruned) or FAILED, with the reason and what else is to be told as tags."""
        labels = {"status": state, "reason": reason, **(tags or {})}
        self._put(lambda now: self._end_trial(study, number, state, labels, metrics or {}, now))

    def study_ended(self, study: str, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Summary metrics of the parent run."""
        self._put(lambda now: self._end_study(study, metrics, tags or {}, now))

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait until everything is written; False if that did not happen in time."""
        done = threading.Event()
        self._put(lambda _: self._write_metrics())
        self._queue.put(done.set)
        return done.wait(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Write what is left, mark unfinished runs as interrupted, and stop; give up after `timeout` seconds."""
        self._put(self._interrupt)
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._abandoned.set()
            log.error(
                "MLflow did not take all of campaign %s; nothing is lost: resume it once MLflow is back", self._campaign
            )
        if self._refusals:
            log.error(
                "MLflow refused %d records of campaign %s, the first: %s",
                len(self._refusals),
                self._campaign,
                self._refusals[0],
            )

    # the writing thread

    def _put(self, task: Any) -> None:  # noqa: ANN401 - a function of the time in milliseconds
        now = int(time.time() * 1000)
        self._queue.put(lambda: task(now))

    def _write(self) -> None:
        waiting: deque[_Task] = deque()
        closing = False
        while not (closing and not waiting) and not self._abandoned.is_set():
            task = self._queue.get()
            while True:
                closing = closing or task is None
                if task is not None:
                    waiting.append(task)
                if self._queue.empty():
                    break
                task = self._queue.get()
            while waiting and not self._abandoned.is_set():
                self._persist(waiting[0])
                waiting.popleft()
            self._persist(self._write_metrics)

    def _persist(self, task: _Task) -> None:
        """Do a task, however often it takes, unless it can never succeed."""
        wait, longest = RETRY_SECONDS
        while not self._abandoned.is_set():
            try:
                return task()
            except Exception as error:
                if _never(error):
                    return self._refusals.append(_line(error))
                log.debug("MLflow: %s; trying again in %.1f s", error, wait)
                self._abandoned.wait(wait)
                wait = min(2 * wait, longest)

    def _start_study(self, study: StudyInfo, now: int) -> None:
        self._studies[study.name] = study
        key = (study.name, PARENT)
        if key not in self._runs:
            run = self._client.create_run(self._experiment, now, self._tags(study), study.name)
            self._runs[key] = _Run(run.info.run_id)
        else:
            self._reopen(self._runs[key])
        self._client.set_tag(self._runs[key].id, "gear.budget", study.budget)  # a tag: an extension raises it
        self._log_params(self._runs[key], study.params)

    def _start_trial(
        self, study: str, number: int, params: Mapping[str, Scalar], tags: Mapping[str, str], now: int
    ) -> None:
        run = self._runs.get((study, number))
        if run is not None and run.ended:
            return
        if run is None:
            info = self._studies[study]
            labels = self._tags(info) | {f"gear.{name}": value for name, value in tags.items()}
            labels |= {"gear.trial": str(number), "mlflow.parentRunId": self._runs[study, PARENT].id}
            made = self._client.create_run(self._experiment, now, labels, f"{info.method} #{number}")
            run = self._runs[study, number] = _Run(made.info.run_id)
        else:
            self._reopen(run)
        self._log_params(run, params)

    def _reopen(self, run: _Run) -> None:
        self._client.update_run(run.id, status="RUNNING")
        self._client.set_tag(run.id, "gear.status", "running")
        run.ended = False

    def _add_epoch(self, study: str, number: int, epoch: int, metrics: Mapping[str, float], now: int) -> None:
        run = self._runs[study, number]
        if run.ended or epoch <= run.last_epoch:
            return
        run.metrics += [Metric(name, float(value), now, epoch) for name, value in metrics.items()]
        run.metrics.append(Metric("epoch", epoch, now, epoch))
        run.last_epoch = epoch

    def _end_trial(
        self, study: str, number: int, state: State, labels: Mapping[str, str], metrics: Mapping[str, float], now: int
    ) -> None:
        run = self._runs[study, number]
        if run.ended:
            return
        run.metrics += [Metric(name, float(value), now, run.last_epoch) for name, value in metrics.items()]
        self._write_run(run)
        self._client.log_batch(run.id, tags=[RunTag(f"gear.{name}", value) for name, value in labels.items()])
        self._client.set_terminated(run.id, STATUS[state], now)
        run.ended = True

    def _end_study(self, study: str, metrics: Mapping[str, float], tags: Mapping[str, str], now: int) -> None:
        run = self._runs[study, PARENT]
        values = [Metric(name, float(value), now, 0) for name, value in metrics.items()]
        labels = [RunTag(f"gear.{name}", value) for name, value in tags.items()]
        self._client.log_batch(run.id, values, tags=[RunTag("gear.status", "complete"), *labels])
        self._client.set_terminated(run.id, "FINISHED", now)
        run.ended = True

    def _interrupt(self, now: int) -> None:
        """Whatever is still open: a campaign that is resumed opens it again."""
        self._write_metrics()
        for run in self._runs.values():
            if not run.ended:
                self._client.set_tag(run.id, "gear.status", "interrupted")
                self._client.set_terminated(run.id, "KILLED", now)

    def _write_metrics(self) -> None:
        for run in self._runs.values():
            self._write_run(run)

    def _write_run(self, run: _Run) -> None:
        while run.metrics:
            try:
                self._client.log_batch(run.id, run.metrics[:MAX_METRICS])
            except MlflowException as error:
                if not _never(error):
                    raise
                self._refusals.append(_line(error))
            del run.metrics[:MAX_METRICS]

    def _log_params(self, run: _Run, params: Mapping[str, Scalar]) -> None:
        items = [Param(name, str(value)) for name, value in params.items() if name not in run.params]
        for start in range(0, len(items), MAX_PARAMS):
            self._client.log_batch(run.id, params=items[start : start + MAX_PARAMS])
        run.params.update(params)

    def _tags(self, study: StudyInfo) -> dict[str, str]:
        """Tags of every run, for the filters and groups of MLflow's page; what was tested on what is among them."""
        return {
            **{f"gear.{name}": value for name, value in study.tags.items()},
            "gear.campaign": self._campaign,
            "gear.study": study.name,
            "gear.pair": study.pair,
            "gear.split": study.split,
            "gear.method": study.method,
            "gear.status": "running",
        }


def find_experiment(client: MlflowClient, tracking_uri: str, campaign: str, created: str) -> str:
    """Id of the campaign's experiment, made if missing; an older campaign of the same name is left alone."""
    for name in (campaign, f"{campaign} {created}"):
        found = client.get_experiment_by_name(name)
        if found is None:
            location = artifact_location(tracking_uri, name.replace(":", "-").replace(" ", "-"))
            tags = {"gear.created": created, "mlflow.experimentKind": "custom_model_development"}  # not an LLM app
            return str(client.create_experiment(name, location, tags))
        if found.lifecycle_stage == LifecycleStage.DELETED:
            raise StorageError(f"its experiment was deleted: mlflow experiments restore -x {found.experiment_id}")
        if found.tags.get("gear.created", "") == created:
            return str(found.experiment_id)
    raise StorageError(f"experiment {campaign} belongs to another campaign: give another --name")


def _existing_runs(client: MlflowClient, experiment: str) -> dict[tuple[str, int], _Run]:
    """What an earlier driver of the campaign recorded."""
    runs, token = {}, None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            tags, metrics = run.data.tags, run.data.metrics
            if "gear.study" not in tags:
                continue  # a user's own
            key = (tags["gear.study"], int(tags.get("gear.trial", PARENT)))
            ended = tags.get("gear.status") in STATUS
            runs[key] = _Run(run.info.run_id, ended, int(metrics.get("epoch", 0)), set(run.data.params))
        token = page.token
        if not token:
            return runs


def _never(error: Exception) -> bool:
    """Whether repeating is pointless: MLflow refused, or it is a bug of ours; all else is a server that is away."""
    if isinstance(error, MlflowException):
        return error.error_code in REFUSED
    return isinstance(error, LookupError | TypeError)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
