"""Runs and curves read in bulk: from a database and from a server the same as one by one."""

import math

import pytest
from mlflow.entities import Metric

from tests.support.mlflow_story import record, runs, story
from tracking import stored_runs
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder
from tracking.stored_runs import run_reader


def as_read(client, run):
    """What MLflow gives of a run by itself."""
    info, data = run.info, run.data
    times = info.start_time, info.end_time
    return (info.run_name, info.status, *times, info.artifact_uri, data.tags, data.params, data.metrics)


def as_told(run):
    return (run.name, run.status, run.start, run.end, run.artifacts, run.tags, run.params, run.metrics)


def check(client, experiment):
    """Every run, and a curve of all of them, is as MLflow gives it run by run."""
    reader, expected = run_reader(client, client.tracking_uri), runs(client, experiment)
    found = reader.runs(client.get_experiment_by_name(experiment).experiment_id)
    assert {run.name: as_told(run) for run in found} == {name: as_read(client, run) for name, run in expected.items()}
    curves = reader.curves([run.id for run in found], "validation_rmse")
    assert len(curves) == 3  # a study has none
    for run, curve in curves.items():
        assert curve == [(p.step, p.value) for p in client.get_metric_history(run, "validation_rmse")]
    assert reader.curves([run.id for run in found], "no such metric") == {}
    assert reader.curves([], "validation_rmse") == {}


def test_a_database_is_read_as_mlflow_reads_it(uri, client):
    record(uri, *story())
    deleted = client.create_run(client.get_experiment_by_name("quick-1").experiment_id, run_name="deleted")
    client.delete_run(deleted.info.run_id)
    record(uri, *story(), campaign="quick-2")
    check(client, "quick-1")


def test_of_a_step_that_was_recorded_again_the_last_value_counts_and_what_is_no_number_is_kept(uri, client):
    run = client.create_run(client.create_experiment("mine")).info.run_id
    points = ((2, 30, 0.3), (1, 20, 0.2), (1, 10, 0.9), (3, 40, math.nan))
    client.log_batch(run, [Metric("loss", value, time, step) for step, time, value in points])
    reader = run_reader(client, client.tracking_uri)
    (first, second, third) = reader.curves([run], "loss")[run]
    assert (first, second, third[0]) == ((1, 0.2), (2, 0.3), 3)
    assert math.isnan(third[1])
    (found,) = reader.runs(client.get_experiment_by_name("mine").experiment_id)
    assert math.isnan(found.metrics["loss"])


@pytest.mark.parametrize("bulk", [True, False])
def test_a_server_is_read_in_few_requests_or_by_an_older_ones_many(bulk, server, monkeypatch):
    name = f"read-{bulk}"
    monkeypatch.setattr(stored_runs, "PAGE", 3)
    if bulk:
        monkeypatch.delattr("mlflow.MlflowClient.get_metric_history")
    else:
        monkeypatch.setattr(stored_runs, "BULK", "/api/2.0/mlflow/metrics/of-a-later-version")
    told = list(story())
    with Recorder(server.uri, CampaignIdentity(name)).start(lambda: told) as recorder:
        assert recorder.flush()
    client = open_client(server.uri)
    reader, expected = run_reader(client, client.tracking_uri), runs(client, name)
    found = reader.runs(client.get_experiment_by_name(name).experiment_id)
    assert {run.name: as_told(run) for run in found} == {name: as_read(client, run) for name, run in expected.items()}
    curves = reader.curves([run.id for run in found], "validation_rmse")
    assert list(curves.values()) == [[(1, 1.0), (2, 0.5), (3, 1 / 3)]] * 3
