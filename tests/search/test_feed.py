"""What the recorder is told of a campaign's events."""

import dataclasses

from gear.results import EpochResult
from search.events import EpochReported, TrialAsked, TrialEnded
from search.feed import Feed
from tests.search.fakes import small_plan

EPOCH = EpochResult(1, 0.5, 0.5, 1, {"reg": 0.2, "curv": 0.0}, {"target": 0.2}, 1.0, 100.0, 0.0, 0, 900.0)
STUDY = "hv_from_ds.random.gear"


class Listener:
    """Keeps the calls of a recorder."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args: self.calls.append((name, *args))


def told(*events):
    listener = Listener()
    hashes = {"hv_from_ds.random": {"split_hash": "s"}}
    feed = Feed(listener, small_plan(methods=["gear"]), hashes)
    feed(*events)
    return listener.calls


def life(epochs=(EPOCH,)):
    yield TrialAsked(STUDY, 0, 0, {}, {}, {"seed": 7, "training": {"epochs": 3}}, origin="tpe")
    for row in epochs:
        yield EpochReported(STUDY, 0, 0, row.epoch, row.metrics(), None)
    yield TrialEnded(STUDY, 0, "complete", "last epoch", 0.5, len(epochs))


def test_a_trial_is_told_from_start_to_end():
    calls = told(*life())
    assert [call[0] for call in calls] == ["study_started", "trial_started", "trial_epoch", "trial_ended"]
    assert calls[1][3:] == ({"seed": 7, "training.epochs": 3}, {"seed": "7", "origin": "tpe"})
    assert calls[2][4]["validation_rmse"] == 0.5


def test_an_attempt_that_goes_on_starts_no_second_trial():
    again = TrialAsked(STUDY, 0, 1, {}, {}, {"seed": 7}, "checkpoint")
    assert [call[0] for call in told(again)] == ["study_started"]


def test_findings_become_tags_of_the_trial():
    tags = told(*life())[-1][6]
    assert set(tags) == {"finding.flat_curvature"}
    healthy = dataclasses.replace(EPOCH, train_loss={"reg": 0.2, "curv": 0.1})
    assert told(*life((healthy,)))[-1][6] == {}
