"""A trial on its worker: rows, checkpoints in the campaign folder, errors as rows."""

import dataclasses
import functools
import os

import pytest

from gear.errors import CheckpointError, StorageError
from gear.parsing import to_dict
from gear.training.side_by_side import SideBySide
from search.campaign.campaign import Campaign
from search.runtime.trainable import make_trainable, training_runs
from search.storage import retry
from tests.support.fake_training import BrokenRun, FakeRun, each, small_plan


@pytest.fixture
def begin(storage):
    def build(factory=FakeRun, every=1, **changed):
        plan = small_plan(methods=["stl"], checkpoint_every=every)
        config = to_dict(Campaign(plan).next_job("x")) | changed
        runs = factory if factory is training_runs else functools.partial(each, factory)
        return make_trainable(storage, plan.search, runs)({"jobs": [config]})

    return build


def rows(trial, n):
    return [trial.step()["rows"][0][1] for _ in range(n)]


HOME = "checkpoints/hv_from_ds.random.stl/0000"


def checkpoints(storage):
    attempts = (storage / HOME).glob("attempt-*")
    return [f"{attempt.name}/{folder.name}" for attempt in attempts for folder in attempt.glob("epoch-*")]


def test_a_trial_reports_every_epoch_and_that_the_last_is_the_last(begin):
    found = rows(begin(), 9)
    assert [row.epoch for row in found] == list(range(1, 10))
    assert [row.status for row in found] == ["running"] * 8 + ["complete"]
    assert found[-1].metrics["best_validation_rmse"] < found[0].metrics["best_validation_rmse"]


def test_a_crash_of_the_drivers_machine_may_undo_the_newest_epochs_so_their_checkpoints_stay(begin, storage):
    trial = begin()
    rows(trial, 3)
    trial.cleanup()
    assert checkpoints(storage) == [f"attempt-0/epoch-{epoch}" for epoch in (1, 2, 3)]


def test_older_checkpoints_go_when_a_newer_one_was_recorded_for_sure(begin, storage, monkeypatch):
    monkeypatch.setattr(type(storage), "settling", 30.0)
    now = [0.0]
    monkeypatch.setattr("search.runtime.attempt.time.monotonic", lambda: now[0])
    trial = begin()
    for _ in range(5):
        rows(trial, 1)
        now[0] += 20.0
    # at 40 s the second was the newest, and by 80 s it was recorded for sure
    assert checkpoints(storage) == [f"attempt-0/epoch-{epoch}" for epoch in (2, 3, 4, 5)]


def test_checkpoints_may_be_rarer_but_the_last_epoch_has_one(begin):
    names = [None if row.checkpoint is None else row.checkpoint.rpartition("/")[2] for row in rows(begin(every=4), 9)]
    assert names == [None] * 3 + ["epoch-4"] * 4 + ["epoch-8", "epoch-9"]


def test_the_next_attempt_goes_on_from_the_checkpoint_with_the_same_numbers(begin):
    whole = rows(begin(number=1), 9)
    middle = rows(begin(), 4)[-1]
    resumed = rows(begin(attempt=1, checkpoint=middle.checkpoint), 5)
    assert [(row.epoch, row.metrics) for row in resumed] == [(row.epoch, row.metrics) for row in whole[4:]]


def test_where_the_checkpoint_was_lost_with_its_machine_a_trial_begins_again(begin):
    assert rows(begin(attempt=1, checkpoint="checkpoints/gone/0000/attempt-0/epoch-4"), 1)[0].epoch == 1


@pytest.mark.parametrize("every", [1, 4])
def test_where_the_checkpoint_is_damaged_a_trial_begins_again_and_says_so_once(begin, storage, every):
    whole = rows(begin(number=1, every=every), 9)
    checkpoint = f"{HOME}/attempt-0/epoch-4"
    (storage / checkpoint / "state.json").write_text('{"epo')
    (storage / checkpoint / "files.json").write_text('["state.json"]')
    found = rows(begin(DamagedRun, every, attempt=1, checkpoint=checkpoint), 9)
    assert [(row.epoch, row.metrics) for row in found] == [(row.epoch, row.metrics) for row in whole]
    assert found[0].checkpoint != checkpoint
    assert found[0].note.startswith(f"begins again, since {checkpoint} cannot be used: the checkpoint in")
    assert not any(row.note for row in found[1:])


def test_an_error_of_training_is_a_row_of_one_line_and_its_traceback_a_file(begin, storage):
    row = rows(begin(BrokenRun), 2)[-1]
    assert (row.status, row.reason) == ("failed", "RuntimeError: CUDA out of memory")
    assert "Traceback" in (storage / HOME / "attempt-0/error.txt").read_text()


def test_a_worker_takes_one_trial_after_the_other(begin):
    trial = begin()
    first = rows(trial, 2)[-1]
    following = Campaign(small_plan(methods=["stl"]))
    following.next_job("x")
    config = {"jobs": [to_dict(following.next_job("y"))]}
    assert trial.reset(config) is True
    row = rows(trial, 1)[0]
    assert (row.epoch, first.epoch) == (1, 2)
    assert "/0001/attempt-0/epoch-1" in row.checkpoint


class DamagedRun(FakeRun):
    """Finds out that its checkpoint is damaged after it has restored a part of it."""

    def restore(self, folder):
        self.epoch = 4
        raise CheckpointError(f"the checkpoint in {folder} is damaged")


class FullDiskRun(FakeRun):
    def save(self, folder):
        raise StorageError("disk full")


def test_a_disk_that_stays_full_loses_the_attempt_not_the_trial(begin, monkeypatch):
    monkeypatch.setattr(retry, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(StorageError, match="disk full"):
        begin(FullDiskRun).step()


def test_a_worker_has_the_keys_of_the_storage_and_they_are_nowhere_to_be_read(begin, storage, monkeypatch):
    keys = {"AWS_SECRET_ACCESS_KEY": "never-to-be-seen"}
    monkeypatch.setattr(type(storage), "credentials", lambda folder: keys)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    trial = begin()
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "never-to-be-seen"
    assert "never-to-be-seen" not in f"{trial.context!r} {trial.config} {vars(type(trial))}"
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.context.checkpoint_every = 2


def test_a_trial_of_a_plug_in_that_the_worker_does_not_have_fails_in_a_line(begin):
    spec = to_dict(Campaign(small_plan(methods=["stl"])).next_job("x").spec)
    spec["config"]["method"] = "mine=no_such_module:Mine"
    (row,) = rows(begin(training_runs, spec=spec), 1)
    assert (row.status, row.epoch) == ("failed", None)
    assert row.reason.startswith("InputDataError: method 'no_such_module:Mine': there is no module no_such_module")


@pytest.fixture
def array(storage):
    """A worker with three trials, `factories` by the place of each."""

    def build(*factories, **changed):
        plan = small_plan(methods=["stl"])
        campaign = Campaign(plan)
        jobs = [to_dict(campaign.next_job(str(place))) | changed for place in range(3)]
        chosen = factories or (FakeRun,) * 3
        return make_trainable(storage, plan.search, functools.partial(by_place, chosen))({"jobs": jobs})

    return build


def by_place(factories, specs):
    return SideBySide([factory(spec) for factory, spec in zip(factories, specs, strict=True)])


def epochs(found):
    return [(place, row.epoch, row.status) for place, row in found["rows"]]


def test_several_trials_report_each_epoch_and_have_checkpoints_of_their_own(array, storage):
    trial = array()
    for epoch in (1, 2, 3):
        assert epochs(trial.step()) == [(place, epoch, "running") for place in range(3)]
    for number in range(3):
        home = storage / f"checkpoints/hv_from_ds.random.stl/000{number}"
        assert (home / "attempt-0/epoch-3/state.json").exists()


def test_one_that_is_told_to_leave_is_trained_no_longer(array):
    trial = array()
    trial.step()
    trial.leave([1])
    assert epochs(trial.step()) == [(0, 2, "running"), (2, 2, "running")]
    trial.leave([0])
    for epoch in range(3, 9):
        assert epochs(trial.step()) == [(2, epoch, "running")]
    assert epochs(trial.step()) == [(2, 9, "complete")]


def test_an_error_among_several_loses_the_attempt_of_all(array, storage):
    trial = array(FakeRun, BrokenRun, FakeRun)
    trial.step()
    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        trial.step()
    for number in range(3):
        error = storage / f"checkpoints/hv_from_ds.random.stl/000{number}/attempt-0/error.txt"
        assert "Traceback" in error.read_text()


def test_a_damaged_checkpoint_of_one_costs_the_others_nothing(array, storage):
    first = array()
    for _ in range(4):
        first.step()
    (storage / "checkpoints/hv_from_ds.random.stl/0000/attempt-0/epoch-4/state.json").write_text('{"epo')
    again = array(DamagedOnce, DamagedOnce, DamagedOnce, attempt=1)
    for place, attempt in again.attempts.items():
        attempt.checkpoint = f"checkpoints/hv_from_ds.random.stl/000{place}/attempt-0/epoch-4"
    rows = again.step()["rows"]
    assert [(place, row.epoch, bool(row.note)) for place, row in rows] == [(0, 1, True), (1, 5, False), (2, 5, False)]


class DamagedOnce(FakeRun):
    def restore(self, folder):
        try:
            super().restore(folder)
        except ValueError as error:
            self.epoch = 4
            raise CheckpointError(f"the checkpoint in {folder} is damaged") from error
