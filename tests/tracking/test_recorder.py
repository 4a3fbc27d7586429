"""The recorder: everything once, in order, whatever happens to the driver or the server."""

import dataclasses
import math
import threading
import time

import pytest
from mlflow.exceptions import MlflowException

from gear.errors import StorageError
from tracking import recorder as module
from tracking.recorder import Recorder, StudyInfo

STUDY = StudyInfo("hv_from_ds.random.gear", "hv_from_ds", "random", "gear", 8, {"split_hash": "abc"}, {"epochs": 5})


def story(recorder, epochs=3, until=None):
    """What a driver tells: a complete, a pruned and a failed trial. `until` cuts it short."""
    steps = [lambda: recorder.study_started(STUDY)]
    for number, state in enumerate(("complete", "pruned", "failed")):
        steps.append(lambda n=number: recorder.trial_started(STUDY.name, n, {"a.b": 0.5, "c": None}, {"seed": "7"}))
        steps += [
            lambda n=number, e=epoch: recorder.trial_epoch(
                STUDY.name, n, e, {"validation_rmse": 1 / e, "train/reg": 2.0}
            )
            for epoch in range(1, epochs + 1)
        ]
        steps.append(lambda n=number, s=state: recorder.trial_ended(STUDY.name, n, s, f"because {s}", {"best": 0.25}))
    steps.append(lambda: recorder.study_ended(STUDY.name, {"test_rmse": 0.5}, {"winner": "0"}))
    for step in steps[:until]:
        step()
    return len(steps)


def runs(client, experiment="quick-1"):
    """Runs by name."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def test_a_campaign_becomes_parents_children_and_curves(uri, client):
    with Recorder(uri, "quick-1") as recorder:
        story(recorder)
    found = runs(client)
    parent = found.pop(STUDY.name)
    assert set(found) == {"gear #0", "gear #1", "gear #2"}
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert [found[f"gear #{n}"].info.status for n in range(3)] == ["FINISHED", "KILLED", "FAILED"]
    assert found["gear #1"].data.tags["gear.reason"] == "because pruned"
    curve = client.get_metric_history(found["gear #0"].info.run_id, "validation_rmse")
    assert [(point.step, point.value) for point in curve] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert found["gear #0"].data.params == {"a.b": "0.5", "c": "None"}
    assert (parent.info.status, parent.data.metrics["test_rmse"]) == ("FINISHED", 0.5)


def test_every_run_can_be_filtered_by_what_it_is(uri, client):
    with Recorder(uri, "quick-1") as recorder:
        story(recorder)
    for run in runs(client).values():
        tags = run.data.tags
        assert (tags["gear.campaign"], tags["gear.pair"], tags["gear.split"]) == ("quick-1", "hv_from_ds", "random")
        assert (tags["gear.method"], tags["gear.study"]) == ("gear", STUDY.name)
        assert tags["gear.status"] in ("complete", "pruned", "failed")
        assert tags["gear.split_hash"] == "abc"
    assert runs(client)["gear #2"].data.tags["gear.seed"] == "7"


def test_told_twice_is_recorded_once(uri, client):
    for _ in range(2):
        with Recorder(uri, "quick-1") as recorder:
            story(recorder)
    found = runs(client)
    assert len(found) == 4
    assert len(client.get_metric_history(found["gear #0"].info.run_id, "validation_rmse")) == 3


@pytest.mark.parametrize("cut", [1, 2, 4, 6, 9, 13])
def test_driver_that_died_at_any_point_is_completed_by_the_next(cut, uri, client):
    died = Recorder(uri, "quick-1")
    story(died, until=cut)
    assert died.flush()
    with Recorder(uri, "quick-1") as recorder:
        story(recorder)
    found = runs(client)
    assert [found[f"gear #{n}"].info.status for n in range(3)] == ["FINISHED", "KILLED", "FAILED"]
    for number in range(3):
        curve = client.get_metric_history(found[f"gear #{number}"].info.run_id, "validation_rmse")
        assert [point.step for point in curve] == [1, 2, 3]


def test_closing_early_leaves_nothing_running_and_resuming_reopens(uri, client):
    with Recorder(uri, "quick-1") as recorder:
        story(recorder, until=4)
    found = runs(client)
    assert {run.info.status for run in found.values()} == {"KILLED"}
    assert found["gear #0"].data.tags["gear.status"] == "interrupted"
    with Recorder(uri, "quick-1") as recorder:
        story(recorder)
    assert runs(client)["gear #0"].data.tags["gear.status"] == "complete"


def test_new_campaign_of_an_old_name_does_not_touch_the_old_one(uri, client):
    with Recorder(uri, "quick-1", created="monday") as recorder:
        story(recorder)
    with Recorder(uri, "quick-1", created="tuesday") as recorder:
        story(recorder, until=3)
    assert len(runs(client)) == 4
    assert len(runs(client, "quick-1 tuesday")) == 2


def test_numbers_that_are_none_are_recorded(uri, client):
    with Recorder(uri, "quick-1") as recorder:
        recorder.study_started(STUDY)
        recorder.trial_started(STUDY.name, 0, {}, {})
        recorder.trial_epoch(STUDY.name, 0, 1, {"validation_rmse": math.nan})
        recorder.trial_ended(STUDY.name, 0, "failed", "diverged", {})
    assert runs(client)["gear #0"].info.status == "FAILED"


def test_extended_study_keeps_its_settings_and_tells_its_new_budget(uri, client):
    for budget in (2, 4):
        with Recorder(uri, "quick-1") as recorder:
            recorder.study_started(dataclasses.replace(STUDY, budget=budget, params={"trials": budget}))
            recorder.trial_started(STUDY.name, budget, {}, {})
            assert recorder.flush(timeout=10)
    found = runs(client)
    assert set(found) == {STUDY.name, "gear #2", "gear #4"}
    assert found[STUDY.name].data.params == {"trials": "2"}
    assert found[STUDY.name].data.tags["gear.budget"] == "4"


def test_what_mlflow_refuses_does_not_hold_up_the_rest(uri, client, caplog):
    with Recorder(uri, "quick-1") as recorder:
        recorder.study_started(STUDY)
        recorder.trial_started(STUDY.name, 0, {"not a name?": 1}, {})
        recorder.trial_epoch(STUDY.name, 0, 1, {"not a name?": 1.0})
        recorder.trial_epoch("no such study", 0, 1, {"validation_rmse": 1.0})
        recorder.trial_started(STUDY.name, 1, {}, {})
        recorder.trial_epoch(STUDY.name, 1, 1, {"validation_rmse": 0.5})
        recorder.trial_ended(STUDY.name, 1, "complete", "last epoch")
    assert runs(client)["gear #1"].info.status == "FINISHED"
    assert runs(client)["gear #1"].data.metrics["validation_rmse"] == 0.5
    assert "refused 3 records of campaign quick-1" in caplog.text


def test_run_of_a_user_in_the_experiment_is_left_alone(uri, client):
    with Recorder(uri, "quick-1") as recorder:
        story(recorder)
    client.create_run(client.get_experiment_by_name("quick-1").experiment_id, run_name="mine")
    with Recorder(uri, "quick-1") as recorder:
        story(recorder)
    assert runs(client)["mine"].info.status == "RUNNING"


def test_deleted_experiment_is_an_error_that_says_how_to_restore_it(uri, client):
    Recorder(uri, "quick-1").close()
    client.delete_experiment(client.get_experiment_by_name("quick-1").experiment_id)
    with pytest.raises(StorageError, match="mlflow experiments restore -x"):
        Recorder(uri, "quick-1")


class Flaky:
    """A client whose server is away while `away` is set."""

    def __init__(self, client):
        self.client, self.away, self.refused = client, threading.Event(), 0

    def __getattr__(self, name):
        method = getattr(self.client, name)

        def call(*args, **kwargs):
            if self.away.is_set():
                self.refused += 1
                raise MlflowException("server away")
            return method(*args, **kwargs)

        return call


def test_server_that_is_away_costs_neither_time_nor_data(uri, client, monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01, 0.05))
    flaky = Flaky(client)
    with Recorder(uri, "quick-1", client=flaky) as recorder:
        flaky.away.set()
        started = time.perf_counter()
        story(recorder)
        assert time.perf_counter() - started < 0.1
        while flaky.refused < 3:
            time.sleep(0.01)
        flaky.away.clear()
    found = runs(client)
    assert [found[f"gear #{n}"].info.status for n in range(3)] == ["FINISHED", "KILLED", "FAILED"]
    assert len(client.get_metric_history(found["gear #2"].info.run_id, "validation_rmse")) == 3


def test_server_that_never_comes_back_does_not_hold_the_driver(uri, client, caplog):
    flaky = Flaky(client)
    recorder = Recorder(uri, "quick-1", client=flaky)
    flaky.away.set()
    story(recorder)
    recorder.close(timeout=0.2)
    assert "resume it once MLflow is back" in caplog.text


def test_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "mlflow.db").write_text("something else " * 100)
    for path in (tmp_path / "mlflow.db", tmp_path):
        with pytest.raises(StorageError, match="give another --tracking-uri"):
            Recorder(f"sqlite:///{path}", "quick-1")


@pytest.mark.parametrize(
    "uri", ["sqlite:////no/such/folder/mlflow.db", "http://127.0.0.1:9", "nonsense://x", "sqlite:", ""]
)
def test_unusable_tracking_uri_is_one_line(uri):
    with pytest.raises(StorageError, match="give another --tracking-uri") as caught:
        Recorder(uri, "quick-1")
    assert "\n" not in str(caught.value)
