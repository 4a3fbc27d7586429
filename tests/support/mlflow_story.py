"""A campaign to record, a driver that tells it, a server that fails, and what must then be in MLflow."""

import threading
import time

import requests
from mlflow.exceptions import MlflowException

from tracking.identity import CampaignIdentity
from tracking.recording.messages import Step, StudyResult, StudyStarted, TrialResult, TrialStarted
from tracking.recording.recorder import Recorder

NAME = "hv_from_ds.random.gear"
RUN = "gear random hv_from_ds"  # the name of its run; trials have their number behind it
TAGS = {"pair": "hv_from_ds", "split": "random", "method": "gear", "split_hash": "abc"}
STUDY = StudyStarted(NAME, 8, TAGS, {"epochs": 5}, {"plan.toml": "trials = 8\n"})


def story(epochs=3):
    """What a driver tells: a complete, a pruned and a failed trial."""
    yield STUDY
    for number, state in enumerate(("complete", "pruned", "failed")):
        yield TrialStarted(NAME, number, {"a.b": 0.5, "c": None}, {"seed": "7"})
        for epoch in range(1, epochs + 1):
            yield Step(NAME, number, epoch, {"validation_rmse": 1 / epoch, "train/reg": 2.0})
        yield TrialResult(NAME, number, state, f"because {state}", {"total_seconds": 0.25})
        yield Step(NAME, None, number + 1, {"best_validation_rmse": 0.5 - number / 10})
    yield StudyResult(NAME, 1, "complete", {"test_rmse": 0.5}, {"winner": "0"}, {"importance.json": "{}"})


class Driver:
    """Keeps what happened, as a campaign folder does, and tells the recorder of it."""

    def __init__(self, recorder, history=()):
        self.history, self.recorder = [*history], recorder
        recorder.start(lambda: list(self.history))

    def tell(self, *records):
        for record in records:
            self.history.append(record)
            self.recorder.tell(record)


def record(uri, *records, history=(), campaign="quick-1", client=None, **identity):
    """One launch: what happened before it, and what happens now."""
    with Recorder(uri, CampaignIdentity(campaign, **identity), client) as recorder:
        driver = Driver(recorder, history)
        recorder.flush()
        driver.tell(*records)


def runs(client, experiment="quick-1"):
    """Runs by name."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def curve(client, run, metric="validation_rmse"):
    """By step: what was queued while the history was told has the earlier time."""
    return sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric))


def everything(client, experiment="quick-1"):
    """All that a user can see of a record, whenever it was written."""
    return {
        name: (
            run.info.status,
            run.data.params,
            {key: value for key, value in run.data.tags.items() if key != "mlflow.parentRunId"},
            {metric: curve(client, run, metric) for metric in run.data.metrics},
            sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        )
        for name, run in runs(client, experiment).items()
    }


def check_whole(client, experiment="quick-1"):
    """Every run, epoch and verdict of the story is there, once."""
    found = runs(client, experiment)
    assert set(found) == {RUN, *(f"{RUN} #{n}" for n in range(3))}
    assert [found[f"{RUN} #{n}"].info.status for n in range(3)] == ["FINISHED", "KILLED", "FAILED"]
    for number in range(3):
        assert curve(client, found[f"{RUN} #{number}"]) == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert found[RUN].info.status == "FINISHED"
    assert curve(client, found[RUN], "best_validation_rmse") == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert curve(client, found[RUN], "test_rmse") == [(1, 0.5)]


class Flaky:
    """A client whose server is away while `away` is set; of the calls in `lost` the answer is lost once."""

    def __init__(self, client):
        self.client, self.away, self.refused, self.lost = client, threading.Event(), 0, []

    def __getattr__(self, name):
        method = getattr(self.client, name)

        def call(*args, **kwargs):
            if self.away.is_set():
                self.refused += 1
                raise MlflowException("server away") from requests.ConnectionError("server away")
            found = method(*args, **kwargs)
            if name in self.lost:
                self.lost.remove(name)
                raise MlflowException("no answer") from requests.Timeout("no answer")
            return found

        return call


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not get there"
        time.sleep(0.01)
