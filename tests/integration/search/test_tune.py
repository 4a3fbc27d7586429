"""The campaign through Tune on a real local Ray, with fake training."""

import signal
from collections import Counter

import pytest

from gear.errors import GearError
from search.campaign.events import AttemptLost, EpochReported, TrialAsked
from search.runtime import resources
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support import fake_training
from tests.support.drive import drive
from tests.support.driver_checks import count_lines, ends_of, events_of, start, wait_for

pytestmark = pytest.mark.ray
STUDIES = ("hv_from_ds.random.gear", "hv_from_ds.random.stl")


@pytest.fixture(autouse=True)
def two_cpus(monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def folder(tmp_path):
    return LocalPath(tmp_path / "c")


def test_a_campaign_runs_to_its_budget_and_leaves_only_what_counts(folder):
    campaign, outcome = drive(folder, fake_training.FakeRun, fake_training.small_plan(trials=6))
    assert outcome == "done"
    ends = ends_of(events_of(folder))
    assert Counter(end.study for end in ends) == dict.fromkeys(STUDIES, 6)
    assert {end.state for end in ends} == {"complete", "pruned"}
    best = {str(folder / study.best.checkpoint) for study in campaign.studies.values()}
    assert {str(path) for path in folder.path.glob("checkpoints/*/*/attempt-*/epoch-*")} == best
    assert not (folder / "tune").exists()


def test_a_trial_whose_worker_dies_goes_on_from_its_checkpoint(folder):
    _, outcome = drive(
        folder, fake_training.DyingRun, fake_training.small_plan(trials=2, methods=["stl"], grace_period=9)
    )
    events = events_of(folder)
    assert outcome == "done"
    assert [end.state for end in ends_of(events)] == ["complete"] * 2
    assert sum(isinstance(event, AttemptLost) for event in events) == 2
    again = [event for event in events if isinstance(event, TrialAsked) and event.attempt == 1]
    assert {event.checkpoint.rpartition("/")[2] for event in again} == {"epoch-4"}
    for number in (0, 1):
        epochs = [event.epoch for event in events if isinstance(event, EpochReported) and event.number == number]
        assert epochs == list(range(1, 10))


ARRAYS = {"methods": ["stl"], "fuse": "3", "startup_trials": 7}


def test_trials_of_an_array_end_one_by_one_and_leave_only_what_counts(folder, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 1)
    campaign, outcome = drive(folder, fake_training.FakeRun, fake_training.small_plan(trials=7, **ARRAYS))
    assert outcome == "done"
    (study,) = campaign.studies.values()
    assert [trial.array for trial in study.trials] == [None, None, 1, 1, None, 4, 4]
    assert Counter(trial.state for trial in study.trials).keys() == {"complete", "pruned"}
    # one that was stopped and trained on would have left a checkpoint
    assert {str(path) for path in folder.path.glob("checkpoints/*/*/attempt-*/epoch-*")} == {
        str(folder / study.best.checkpoint)
    }


def test_trials_of_an_array_whose_worker_dies_go_on_alone(folder, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 1)
    plan = fake_training.small_plan(trials=4, **ARRAYS, grace_period=9)
    _, outcome = drive(folder, fake_training.DyingRun, plan)
    events = events_of(folder)
    assert outcome == "done"
    assert [end.state for end in ends_of(events)] == ["complete"] * 4
    lost = [event.number for event in events if isinstance(event, AttemptLost)]
    assert sorted(lost) == [0, 1, 2, 3]
    for number in range(4):
        epochs = [event.epoch for event in events if isinstance(event, EpochReported) and event.number == number]
        assert epochs == list(range(1, 10))


def test_an_error_in_an_array_is_found_by_training_each_alone(folder, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 1)
    plan = fake_training.small_plan(trials=4, **ARRAYS, replacements=0)
    campaign, _ = drive(folder, fake_training.BrokenRun, plan)
    (study,) = campaign.studies.values()
    assert [trial.reason for trial in study.trials] == ["RuntimeError: CUDA out of memory"] * 4
    assert [trial.workers_lost for trial in study.trials] == [0, 1, 1, 1]


def test_an_error_of_training_ends_the_trial_and_it_is_replaced_within_the_limit(folder):
    plan = fake_training.small_plan(trials=2, methods=["stl"], replacements=1)
    _, outcome = drive(folder, fake_training.BrokenRun, plan)
    assert outcome == "done"
    assert [end.reason for end in ends_of(events_of(folder))] == ["RuntimeError: CUDA out of memory"] * 3


def test_a_time_budget_ends_the_launch_and_the_campaign_can_go_on(folder):
    plan = fake_training.small_plan(trials=4, methods=["stl"], epochs=20, grace_period=19)
    _, outcome = drive(folder, fake_training.SlowRun, plan, time_budget=3)
    assert outcome == "out of time"
    assert len(ends_of(events_of(folder))) < 4
    _, outcome = drive(folder, fake_training.FakeRun, plan)
    assert outcome == "done"
    assert len(ends_of(events_of(folder))) == 4


def test_a_folder_that_fails_stops_the_search_with_its_error(folder, monkeypatch):
    def refuse(self, *events):
        raise GearError("disk full")

    monkeypatch.setattr(CampaignStore, "append", refuse)
    with pytest.raises(GearError, match="disk full"):
        drive(folder, fake_training.FakeRun, fake_training.small_plan(trials=2))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_the_end_of_a_batch_job_leaves_running_trials_to_be_resumed(ending, folder):
    driver = start(folder)
    wait_for(lambda: count_lines(folder, "EpochReported") >= 2, driver)
    driver.send_signal(ending)
    assert driver.wait(60) == 130
    assert "interrupted" in driver.stdout.read()
    asked = {(e.study, e.number) for e in events_of(folder) if isinstance(e, TrialAsked)}
    ended = {(e.study, e.number) for e in ends_of(events_of(folder))}
    assert asked - ended
