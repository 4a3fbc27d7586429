"""Writes records to MLflow: one experiment per campaign, one parent run per study, one child run per trial.

A record takes as few requests as MLflow allows. Whatever fails half-way may be repeated, by this process or a later
one: a run is looked up before it is made again, and an epoch, the end of a trial or a test is recorded once.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tracking.client import first_line, is_away
from tracking.experiments import open_experiment
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import Metric, MlflowClient, MlflowException, Param, RunTag
from tracking.mlflow_page import add_view
from tracking.recording.messages import (
    Record,
    ResultsThatHold,
    Scalar,
    Step,
    StudyResult,
    StudyStarted,
    TrialResult,
    TrialStarted,
)
from tracking.runs import FILE_TAG, SUPERSEDED, files_of
from tracking.stored_runs import StoredRun, run_reader

__all__ = ["RunWriter"]

# in MLflow's terms
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED", SUPERSEDED: "FINISHED"}
MAX_METRICS, MAX_PARAMS = 1000, 100  # per request
REJECTED = {
    "INVALID_PARAMETER_VALUE",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
}  # errors that a repeated request would get again
RESULT_TAG = "gear.result"  # of a derived result: a digest of what is recorded
BUDGET_TAG = "gear.budget"  # of a study, its trials; 0 of a result without trials
STEP_OF_TRIAL, STEP_OF_STUDY = "epoch", "trials"  # metrics whose value is the last recorded step

Key = tuple[str, int | None]  # a study's name, and a trial's number or None for the study's own run


@dataclass(slots=True)
class _Run:
    """What MLflow has of a run.

    Attributes:
        status: in MLflow's terms.
        state: its tag `gear.status`; one of `STATUS` once its end is recorded.
        step: the last one recorded.
        tests: of a study, the number of recorded evaluations on the test part.
        revision: of a study, how often its numbers changed without another evaluation.
        params: their names; a value stays as it was first written.
        tags: those of a study, which may change.
        metrics: received, and not yet written.
        verdict: of a study, how it ended, unless records of its trials came later.
    """

    id: str
    status: str = "RUNNING"
    state: str = "running"
    step: int = 0
    tests: int = 0
    revision: int = 0
    params: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    verdict: StudyResult | None = None


class RunWriter:
    """The record of one campaign.

    Args:
        client: whose server answers.
        tracking_uri: its URI.
        campaign: whose experiment it is; another campaign of the same name keeps its own.

    Raises:
        StorageError: its experiment cannot be used.
        MlflowException: the server is away, or rejects a request.
    """

    def __init__(self, client: MlflowClient, tracking_uri: str, campaign: CampaignIdentity) -> None:
        self._client = client
        self._campaign = campaign.name
        self._experiment = open_experiment(client, tracking_uri, campaign)
        there = run_reader(client, tracking_uri).runs(self._experiment)
        self._runs = {key: run for key, run in map(_known, there) if key is not None}
        self._studies: dict[str, StudyStarted] = {}
        self._unwritten: dict[str, _Run] = {}  # runs with metrics to write
        self._doubtful: Key | None = None  # the run that was requested without an answer
        self.rejected, self.first_rejection = 0, ""
        self._unless_rejected(partial(add_view, client, self._experiment))

    def write(self, record: Record, now: int) -> None:
        """Add a record of time `now`, in milliseconds; what MLflow rejects for good is left out and counted.

        Raises:
            Exception: the server is away, and the record must be written again.
        """
        self._unless_rejected(lambda: self._write(record, now))

    def flush(self, now: int) -> None:
        """Write all metrics that were collected, and close the studies that have ended."""
        for run in list(self._unwritten.values()):
            self._write_metrics(run)
            del self._unwritten[run.id]
        for name in self._studies:
            study = self._runs.get((name, None))
            if study is not None and study.verdict is not None:
                self._unless_rejected(partial(self._close_study, study, study.verdict, now))

    def close(self, now: int) -> None:
        """Mark unfinished runs as interrupted; a campaign that is resumed opens them again."""
        self.flush(now)
        for run in self._runs.values():
            if run.status == "RUNNING" and run.state not in STATUS:
                self._unless_rejected(partial(self._interrupt, run, now))

    def _interrupt(self, run: _Run, now: int) -> None:
        self._client.set_tag(run.id, "gear.status", "interrupted")
        self._client.set_terminated(run.id, "KILLED", now)
        run.status, run.state = "KILLED", "interrupted"

    def _write(self, record: Record, now: int) -> None:
        match record:
            case StudyStarted():
                self._start_study(record, now)
            case TrialStarted():
                self._start_trial(record, now)
            case Step():
                self._add_step(record, now)
            case TrialResult():
                self._end_trial(record, now)
            case StudyResult():
                self._end_study(record, now)
            case ResultsThatHold():
                self._supersede(record.names, now)

    def _start_study(self, study: StudyStarted, now: int) -> None:
        self._studies[study.name] = study
        key = (study.name, None)
        tags = {**self._tags(study), "gear.kind": "study"}
        run = self._runs.get(key) or self._make_run(key, _name(study), tags, now)
        self._set_tag(run, BUDGET_TAG, str(study.budget))  # a tag: an extension raises it
        self._log_params(run, study.params)
        self._log_files(run, study.files)

    def _start_trial(self, trial: TrialStarted, now: int) -> None:
        key, parent = (trial.study, trial.number), self._runs[trial.study, None]
        parent.verdict = None
        run = self._runs.get(key)
        if run is None:
            study = self._studies[trial.study]
            self._open(parent)
            tags = self._tags(study) | {f"gear.{name}": value for name, value in trial.tags.items()}
            tags |= {"gear.kind": "trial", "gear.trial": str(trial.number), "mlflow.parentRunId": parent.id}
            run = self._make_run(key, f"{_name(study)} #{trial.number}", tags, now)
        if run.state not in STATUS:
            self._log_params(run, trial.params)

    def _add_step(self, step: Step, now: int) -> None:
        run, is_trial = self._runs[step.study, step.number], step.number is not None
        parent = self._runs[step.study, None]
        parent.verdict = None
        if step.step <= run.step or (is_trial and run.state in STATUS):
            return
        self._open(run)
        self._open(parent)
        if len(run.metrics) >= MAX_METRICS:
            self._write_metrics(run)
        values = {**step.metrics, STEP_OF_TRIAL if is_trial else STEP_OF_STUDY: step.step}
        run.metrics += _metrics(values, now, step.step)
        run.step = step.step
        self._unwritten[run.id] = run

    def _end_trial(self, end: TrialResult, now: int) -> None:
        run = self._runs[end.study, end.number]
        if run.state not in STATUS:
            labels = {"status": end.state, "reason": end.reason, **end.tags}
            self._conclude(run, _metrics(end.metrics, now, run.step), labels)
            run.state = end.state
        self._terminate(run, now)

    def _end_study(self, end: StudyResult, now: int) -> None:
        """Write its numbers at once, but its end only at the next flush, since an extended study goes on."""
        run = self._runs[end.study, None]
        if end.derived:
            self._write_derived(run, end, now)
        elif end.tests >= run.tests:
            self._log_files(run, end.files)
            if (end.tests, end.revision) > (run.tests, run.revision):
                self._write_result(run, end, _metrics(end.metrics, now, end.tests))
        run.verdict = end

    def _write_derived(self, run: _Run, end: StudyResult, now: int) -> None:
        """Write a derived result unless it is written; MLflow's last values are those of the largest step."""
        digest = _digest(f"{end.tests} {sorted(end.metrics.items())} {sorted(end.tags.items())}")
        if run.tags.get(RESULT_TAG) != digest:
            self._write_result(run, end, _metrics(end.metrics, now, now))
            self._set_tag(run, RESULT_TAG, digest)

    def _write_result(self, run: _Run, end: StudyResult, metrics: Iterable[Metric]) -> None:
        counts = {"test_evaluations": str(end.tests), "revision": str(end.revision)}
        self._conclude(run, metrics, {**counts, **end.tags})
        run.tests, run.revision = end.tests, end.revision

    def _supersede(self, names: Collection[str], now: int) -> None:
        """Mark results without trials that hold no more, those of earlier launches included."""
        for (name, number), run in self._runs.items():
            if number is None and run.tags.get(BUDGET_TAG) == "0" and name not in names:
                run.verdict = None
                self._close_study(run, StudyResult(name, run.tests, SUPERSEDED), now)

    def _close_study(self, run: _Run, end: StudyResult, now: int) -> None:
        if run.state != end.state:
            self._conclude(run, (), {"status": end.state, **end.tags})
            run.state = end.state
        self._terminate(run, now)

    def _conclude(self, run: _Run, metrics: Iterable[Metric], labels: Mapping[str, str]) -> None:
        """Write the last metrics, and then the tags that say how a run ended."""
        self._write_metrics(run, metrics)
        self._client.log_batch(run.id, tags=[RunTag(f"gear.{name}", value) for name, value in labels.items()])

    def _terminate(self, run: _Run, now: int) -> None:
        status = STATUS.get(run.state, run.status)  # an extended study is still running
        if status != run.status:
            self._client.set_terminated(run.id, status, now)
            run.status = status

    def _open(self, run: _Run) -> None:
        """Open a run again that was closed."""
        if run.status == "RUNNING":
            return
        self._client.update_run(run.id, status="RUNNING")
        self._client.set_tag(run.id, "gear.status", "running")
        run.status, run.state = "RUNNING", "running"

    def _make_run(self, key: Key, name: str, tags: Mapping[str, str], now: int) -> _Run:
        run = self._find_run(key) if self._doubtful == key else None
        self._doubtful = key  # until there is an answer
        if run is None:
            run = _Run(self._client.create_run(self._experiment, now, dict(tags), name).info.run_id)
        self._doubtful = None
        self._runs[key] = run
        return run

    def _find_run(self, key: Key) -> _Run | None:
        study, number = key
        own = "tags.`gear.kind` = 'study'" if number is None else f"tags.`gear.trial` = '{number}'"
        where = f"tags.`gear.study` = '{study}' and {own}"
        found = self._client.search_runs([self._experiment], where)
        return next((_known(StoredRun.of(run))[1] for run in found), None)

    def _write_metrics(self, run: _Run, more: Iterable[Metric] = ()) -> None:
        """Write collected metrics and more. MLflow keeps metrics of equal time, step and value once."""
        metrics = [*run.metrics, *more]
        for start in range(0, len(metrics), MAX_METRICS):
            batch = metrics[start : start + MAX_METRICS]
            self._unless_rejected(partial(self._client.log_batch, run.id, batch))
        run.metrics.clear()

    def _log_params(self, run: _Run, params: Mapping[str, Scalar]) -> None:
        items = [Param(name, str(value)) for name, value in params.items() if name not in run.params]
        for start in range(0, len(items), MAX_PARAMS):
            self._client.log_batch(run.id, params=items[start : start + MAX_PARAMS])
        run.params.update(params)

    def _log_files(self, run: _Run, files: Mapping[str, str]) -> None:
        """Write texts as artifacts, unless the run has them; where that is rejected the rest is still recorded."""
        there = self._there(run, files)
        for name, text in files.items():
            digest = _digest(text)
            if run.tags.get(FILE_TAG + name) == digest and name in there:
                continue
            try:
                self._client.log_text(run.id, text, name)
            except Exception as error:
                if is_away(error):
                    raise
                self._reject(error)
            else:
                self._set_tag(run, FILE_TAG + name, digest)

    def _there(self, run: _Run, names: Iterable[str]) -> set[str]:
        """Which of the files that a run is recorded to have are found; all of them where they cannot be listed."""
        recorded = {name for name in names if FILE_TAG + name in run.tags}
        try:
            return recorded & files_of(self._client, run.id) if recorded else set()
        except Exception as error:
            if is_away(error):
                raise
            return recorded

    def _set_tag(self, run: _Run, name: str, value: str) -> None:
        if run.tags.get(name) != value:
            self._client.set_tag(run.id, name, value)
            run.tags[name] = value

    def _tags(self, study: StudyStarted) -> dict[str, str]:
        """Tags of every run, to filter and group by in MLflow's page."""
        return {
            **{f"gear.{name}": value for name, value in study.tags.items()},
            "gear.campaign": self._campaign,
            "gear.study": study.name,
            "gear.status": "running",
        }

    def _unless_rejected(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            if not _never(error):
                raise
            self._reject(error)

    def _reject(self, error: Exception) -> None:
        self.rejected += 1
        self.first_rejection = self.first_rejection or f"{type(error).__name__}: {first_line(error)}"


def _name(study: StudyStarted) -> str:
    """The name of a study's run: first what differs most between the runs of a campaign."""
    return " ".join(study.tags[name] for name in ("method", "split", "pair") if name in study.tags) or study.name


def _known(run: StoredRun) -> tuple[Key | None, _Run]:
    """The key and the state of a run in MLflow; a run that a user made has no key."""
    tags, metrics = run.tags, run.metrics
    number = int(tags["gear.trial"]) if "gear.trial" in tags else None
    return (tags["gear.study"], number) if "gear.study" in tags else None, _Run(
        id=run.id,
        status=run.status,
        state=tags.get("gear.status", "running"),
        step=int(metrics.get(STEP_OF_STUDY if number is None else STEP_OF_TRIAL, 0)),
        tests=int(tags.get("gear.test_evaluations", 0)),
        revision=int(tags.get("gear.revision", 0)),
        params=set(run.params),
        tags={} if number is not None else tags,
    )


def _metrics(values: Mapping[str, float], now: int, step: int) -> list[Metric]:
    return [Metric(name, float(value), now, step) for name, value in values.items()]


def _never(error: Exception) -> bool:
    """Whether repeating is pointless: MLflow rejected it, or it is a bug here; otherwise the server is away."""
    if isinstance(error, MlflowException):
        return error.error_code in REJECTED
    return isinstance(error, LookupError | TypeError)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
