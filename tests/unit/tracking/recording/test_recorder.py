"""The recorder: everything once, in order, whatever happens to the driver or the server."""

import dataclasses
import math
import time

import pytest

from gear.errors import StorageError
from tests.support.mlflow_story import (
    NAME,
    RUN,
    STUDY,
    Driver,
    Flaky,
    check_whole,
    curve,
    everything,
    record,
    runs,
    story,
    wait_until,
)
from tracking.identity import CampaignIdentity
from tracking.recording import recorder as module
from tracking.recording import run_writer
from tracking.recording.messages import ResultsThatHold, Step, StudyResult, StudyStarted, TrialResult, TrialStarted
from tracking.recording.recorder import Recorder


def stamps(client):
    return {name: (run.info.start_time, run.info.end_time) for name, run in runs(client).items()}


def test_a_campaign_becomes_parents_children_and_curves(uri, client):
    record(uri, *story())
    check_whole(client)
    found = runs(client)
    parent = found.pop(RUN)
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert found[f"{RUN} #1"].data.tags["gear.reason"] == "because pruned"
    assert found[f"{RUN} #0"].data.params == {"a.b": "0.5", "c": "None"}
    assert found[f"{RUN} #0"].data.metrics["total_seconds"] == 0.25
    assert (parent.data.params, parent.data.metrics["test_rmse"]) == ({"epochs": "5"}, 0.5)


def test_every_run_can_be_filtered_by_what_it_is(uri, client):
    record(uri, *story())
    for run in runs(client).values():
        tags = run.data.tags
        assert (tags["gear.campaign"], tags["gear.pair"], tags["gear.split"]) == ("quick-1", "hv_from_ds", "random")
        assert (tags["gear.method"], tags["gear.study"]) == ("gear", NAME)
        assert tags["gear.status"] in ("complete", "pruned", "failed")
        assert tags["gear.split_hash"] == "abc"
        assert tags["gear.kind"] == ("study" if run.info.run_name == RUN else "trial")
    assert runs(client)[f"{RUN} #2"].data.tags["gear.seed"] == "7"


def test_files_of_a_study_lie_with_its_run(uri, client, tmp_path):
    record(uri, *story())
    run = runs(client)[RUN].info.run_id
    path = client.download_artifacts(run, "plan.toml", str(tmp_path))
    assert open(path).read() == "trials = 8\n"
    assert {file.path for file in client.list_artifacts(run)} == {"plan.toml", "importance.json"}


def test_what_happened_before_and_what_happens_now_are_told_alike(uri, client):
    told = list(story())
    record(uri, *told[7:], history=told[:7])
    check_whole(client)


def test_told_twice_changes_nothing(uri, client):
    record(uri, *story())
    before, times = everything(client), stamps(client)
    record(uri, history=story())
    record(uri, *story(), history=story())
    assert everything(client) == before
    assert stamps(client) == times


def test_a_record_with_an_earlier_programs_names_is_completed_without_a_second_run(uri, client, monkeypatch):
    told = list(story())
    with monkeypatch.context() as earlier:
        earlier.setattr(run_writer, "_name", lambda study: study.tags["method"])
        record(uri, *told[:7])
    record(uri, history=told)
    assert set(runs(client)) == {"gear", "gear #0", f"{RUN} #1", f"{RUN} #2"}


@pytest.mark.parametrize("cut", [1, 2, 4, 7, 10, 15])
def test_driver_that_died_at_any_point_is_completed_by_the_next(cut, uri, client):
    told = list(story())
    died = Recorder(uri, CampaignIdentity("quick-1"))
    Driver(died, told[:cut])
    assert died.flush()
    record(uri, *told[cut:], history=told[:cut])
    check_whole(client)


def test_closing_early_leaves_nothing_running_and_something_new_reopens(uri, client):
    told = list(story())
    record(uri, *told[:4])
    assert {run.info.status for run in runs(client).values()} == {"KILLED"}
    assert runs(client)[f"{RUN} #0"].data.tags["gear.status"] == "interrupted"
    record(uri, history=told[:4])
    assert runs(client)[f"{RUN} #0"].data.tags["gear.status"] == "interrupted"
    record(uri, *told[4:], history=told[:4])
    assert runs(client)[f"{RUN} #0"].data.tags["gear.status"] == "complete"
    check_whole(client)


def test_new_campaign_of_an_old_name_does_not_touch_the_old_one(uri, client):
    record(uri, *story(), created="monday")
    record(uri, *list(story())[:3], created="tuesday")
    assert len(runs(client)) == 4
    assert len(runs(client, "quick-1 tuesday")) == 2


def test_numbers_that_are_none_are_recorded(uri, client):
    started = TrialStarted(NAME, 0)
    record(uri, STUDY, started, Step(NAME, 0, 1, {"validation_rmse": math.nan}), TrialResult(NAME, 0, "failed", "bad"))
    assert runs(client)[f"{RUN} #0"].info.status == "FAILED"


def test_extended_study_keeps_its_settings_and_tells_its_new_budget_and_plan(uri, client, tmp_path):
    record(uri, *story())
    wider = dataclasses.replace(STUDY, budget=9, params={"epochs": 7}, files={"plan.toml": "trials = 9\n"})
    before = [wider, *list(story())[1:]]
    record(uri, TrialStarted(NAME, 3), TrialResult(NAME, 3, "complete", "last epoch"), history=before)
    found = runs(client)
    assert (found[RUN].info.status, found[RUN].data.tags["gear.status"]) == ("KILLED", "interrupted")
    assert found[RUN].data.params == {"epochs": "5"}
    assert found[RUN].data.tags["gear.budget"] == "9"
    assert open(client.download_artifacts(found[RUN].info.run_id, "plan.toml", str(tmp_path))).read() == "trials = 9\n"
    again = [*before, TrialStarted(NAME, 3), TrialResult(NAME, 3, "complete", "last epoch")]
    record(uri, StudyResult(NAME, 2, metrics={"test_rmse": 0.25}), history=again)
    assert runs(client)[RUN].info.status == "FINISHED"
    assert curve(client, runs(client)[RUN], "test_rmse") == [(1, 0.5), (2, 0.25)]


def test_extended_study_whose_winner_stays_ends_again_without_a_second_test(uri, client):
    record(uri, *story())
    more = [TrialStarted(NAME, 3), TrialResult(NAME, 3, "pruned", "worse"), StudyResult(NAME, 1)]
    record(uri, *more, history=story())
    before = everything(client)
    assert runs(client)[RUN].info.status == "FINISHED"
    assert curve(client, runs(client)[RUN], "test_rmse") == [(1, 0.5)]
    times = stamps(client)
    record(uri, history=[*story(), *more])
    assert (everything(client), stamps(client)) == (before, times)


def test_a_derived_result_is_written_whenever_it_differs(uri, client):
    for tests, rmse in ((5, 0.5), (5, 0.4), (4, 0.6)):
        result = StudyResult(NAME, tests, derived=True, metrics={"test_rmse": rmse}, tags={"parts": str(rmse)})
        record(uri, history=[STUDY, result])
        found = runs(client)[RUN].data
        assert (found.metrics["test_rmse"], found.tags["gear.parts"]) == (rmse, str(rmse))
        assert found.tags["gear.test_evaluations"] == str(tests)
    before = everything(client)
    record(uri, history=[STUDY, result])
    assert everything(client) == before
    assert len(curve(client, runs(client)[RUN], "test_rmse")) == 3


def test_a_revised_result_is_written_once(uri, client):
    told = [*story(), StudyResult(NAME, 1, metrics={"test_rmse": 0.5, "winner_validation_rmse": 0.2}, revision=1)]
    record(uri, history=[*told[:-1], StudyResult(NAME, 1)])
    record(uri, history=told)
    assert runs(client)[RUN].data.metrics["winner_validation_rmse"] == 0.2
    before, times = everything(client), stamps(client)
    record(uri, history=told)
    assert (everything(client), stamps(client)) == (before, times)


def test_a_result_without_trials_that_holds_no_more_is_superseded_until_it_holds_again(uri, client):
    blend, joined = (StudyStarted(f"p.s.{name}", 0, {"method": name}) for name in ("blend", "champion"))
    told = [*story(), blend, StudyResult(blend.name, 1, metrics={"test_rmse": 0.4})]
    record(uri, history=[*told, joined, StudyResult(joined.name, 1, derived=True)])

    def states():
        return {name: (run.info.status, run.data.tags["gear.status"]) for name, run in runs(client).items()}

    whole = states()
    for hold, blend_state in ((set(), "superseded"), ({blend.name}, "complete")):
        record(uri, history=[*told, ResultsThatHold(frozenset(hold))])
        changed = {"blend": ("FINISHED", blend_state), "champion": ("FINISHED", "superseded")}
        assert states() == {**whole, **changed}
        before, times = everything(client), stamps(client)
        record(uri, history=[*told, ResultsThatHold(frozenset(hold))])
        assert (everything(client), stamps(client)) == (before, times)


def test_study_that_was_interrupted_after_its_end_is_not_ended_again_by_telling_it(uri, client):
    gone_on = [*story(), TrialStarted(NAME, 3), Step(NAME, 3, 1, {"validation_rmse": 0.9})]
    record(uri, *gone_on)
    before, times = everything(client), stamps(client)
    assert runs(client)[RUN].data.tags["gear.status"] == "interrupted"
    record(uri, history=gone_on)
    assert (everything(client), stamps(client)) == (before, times)


def test_study_without_a_winner_has_failed(uri, client):
    record(uri, STUDY, StudyResult(NAME, 0, "failed", tags={"reason": "no trial completed"}))
    assert runs(client)[RUN].info.status == "FAILED"
    assert runs(client)[RUN].data.tags["gear.reason"] == "no trial completed"


def test_what_mlflow_rejects_does_not_hold_up_the_rest(uri, client, caplog):
    record(
        uri,
        STUDY,
        TrialStarted(NAME, 0, {"not a name?": 1}),
        Step(NAME, 0, 1, {"not a name?": 1.0}),
        Step("no such study", 0, 1, {"validation_rmse": 1.0}),
        TrialStarted(NAME, 1),
        Step(NAME, 1, 1, {"validation_rmse": 0.5}),
        TrialResult(NAME, 1, "complete", "last epoch"),
    )
    assert runs(client)[f"{RUN} #1"].info.status == "FINISHED"
    assert runs(client)[f"{RUN} #1"].data.metrics["validation_rmse"] == 0.5
    assert "rejected 3 records of campaign quick-1" in caplog.text


def test_place_for_files_that_cannot_be_written_does_not_hold_up_the_rest(uri, client, tmp_path, caplog):
    (tmp_path / "mlartifacts").touch()
    record(uri, *story())
    check_whole(client)
    assert "rejected 2 records" in caplog.text


def test_run_of_a_user_in_the_experiment_is_left_alone(uri, client):
    record(uri, *story())
    client.create_run(client.get_experiment_by_name("quick-1").experiment_id, run_name="mine")
    record(uri, history=story())
    assert runs(client)["mine"].info.status == "RUNNING"


def test_run_that_a_user_deleted_meanwhile_does_not_hold_up_the_end(uri, client, caplog):
    with Recorder(uri, CampaignIdentity("quick-1")) as recorder:
        Driver(recorder, list(story())[:4])
        recorder.flush()
        client.delete_run(runs(client)[f"{RUN} #0"].info.run_id)
    assert runs(client)[RUN].info.status == "KILLED"
    assert "rejected 1 records" in caplog.text


def test_deleted_experiment_is_an_error_that_says_how_to_restore_it(uri, client):
    record(uri)
    client.delete_experiment(client.get_experiment_by_name("quick-1").experiment_id)
    with pytest.raises(StorageError, match="mlflow experiments restore -x"):
        Recorder(uri, CampaignIdentity("quick-1"))


@pytest.fixture
def flaky(client):
    return Flaky(client)


def test_server_that_is_away_costs_nothing(uri, client, flaky, impatient):
    with Recorder(uri, CampaignIdentity("quick-1"), client=flaky) as recorder:
        driver = Driver(recorder)
        assert recorder.flush()
        flaky.away.set()
        driver.tell(*story())
        wait_until(lambda: flaky.refused >= 3)
        flaky.away.clear()
    check_whole(client)


@pytest.mark.parametrize("length", [0, 1, 5, 13])
def test_what_waits_for_a_server_is_bounded_and_nothing_is_missing(length, uri, client, flaky, impatient, monkeypatch):
    monkeypatch.setattr(module, "QUEUE_LENGTH", length)
    with Recorder(uri, CampaignIdentity("quick-1"), client=flaky) as recorder:
        driver = Driver(recorder)
        assert recorder.flush()
        flaky.away.set()
        for step in story():
            driver.tell(step)
            assert len(recorder._queue) <= length
            time.sleep(0.005)
        wait_until(lambda: flaky.refused >= 3)
        flaky.away.clear()
    check_whole(client)


CALLS = ["create_run", "log_batch", "set_tag", "set_terminated", "update_run", "log_text"]


@pytest.mark.parametrize("call", CALLS)
def test_request_whose_answer_was_lost_is_not_done_twice(call, uri, client, flaky, impatient):
    told = list(story())
    record(uri, *told[:3])
    flaky.lost = [call]
    record(uri, *told[3:], history=told[:3], client=flaky)
    assert not flaky.lost
    check_whole(client)


def test_experiment_whose_answer_was_lost_is_found(uri, client, flaky, impatient):
    flaky.lost = ["create_experiment"]
    record(uri, *story(), client=flaky)
    assert not flaky.lost
    check_whole(client)


def test_campaign_whose_folder_cannot_be_read_for_a_moment_is_told_all_the_same(uri, client, impatient):
    troubles = [OSError("stale handle")] * 3

    def history():
        for index, step in enumerate(story()):
            if index == 5 and troubles:
                raise troubles.pop()
            yield step

    with Recorder(uri, CampaignIdentity("quick-1")).start(history):
        pass
    assert not troubles
    check_whole(client)


def test_server_that_never_comes_back_does_not_hold_the_driver(uri, flaky, impatient, monkeypatch, caplog):
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.5)
    recorder = Recorder(uri, CampaignIdentity("quick-1"), client=flaky)
    driver = Driver(recorder)
    recorder.flush()
    flaky.away.set()
    driver.tell(*story())
    assert not recorder.flush()
    recorder.close()
    assert "gear-search record quick-1 completes the record" in caplog.text
    assert "server away" in caplog.text
