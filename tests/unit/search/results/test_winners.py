"""What is known of the winners together, read from a campaign folder."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from gear.evaluation.comparison import Change
from gear.evaluation.diagnostics import Finding
from search.campaign.campaign import Campaign
from search.campaign.events import EpochReported, StudyFinished
from search.campaign.study import Trial
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.results.winners import leaderboard, warnings_of
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support.fake_training import Simulation, small_plan

PLAN = small_plan("quick-1", methods=("gear", "stl"))
HEAD = {
    "plan": plan_to_dict(PLAN),
    "data": {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}},
    "created": "monday",
    "versions": {},
}
GEAR, STL = "hv_from_ds.random.gear", "hv_from_ds.random.stl"
ERRORS = {GEAR: 1.0, STL: 2.0}
N = 40


@pytest.fixture
def store(tmp_path):
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), HEAD, plan_to_toml(PLAN)) as opened:
        yield opened


def searched(store, more=None):
    """A campaign whose trials are over and recorded, with more metrics in the epochs of one trial."""
    simulation = Simulation(PLAN)
    simulation.run()
    for step in simulation.steps:
        store.append(*(_with(event, more or {}) for event in step))
    return Campaign(PLAN, store.append, store.events())


def _with(event, more):
    found = more.get((event.study, event.number)) if isinstance(event, EpochReported) else None
    return event if found is None else dataclasses.replace(event, metrics={**event.metrics, **found})


def evaluate(campaign, store, name, *, predictions=True, split_hash="s"):
    size = ERRORS[name]
    if predictions:
        errors = size * np.where(np.arange(N) % 2, 1.0, -1.0)
        columns = {"smiles": [f"C{k}" for k in range(N)], "value": np.linspace(-5, 5, N), "part": ["test"] * N}
        store.write_predictions(name, pa.table({**columns, "prediction": columns["value"] + errors}))
    best = campaign.studies[name].best
    scores = {"rmse": size / 4, "rmse_units": size, "mae": size / 4, "r2": 0.75, "n": N}
    campaign.finish_study(StudyFinished(name, best.number, best.value, 1, scores, split_hash, "d"))


def test_the_change_has_its_interval_where_predictions_were_kept(store):
    campaign = searched(store)
    for name in ERRORS:
        evaluate(campaign, store, name)
    board = leaderboard(campaign, store.head, store.folder)
    assert list(board.changes) == [GEAR]
    change = board.changes[GEAR]
    assert (change.value, change.molecules, change.sure) == (pytest.approx(-0.5), N, True)
    assert [(row.test_r2, row.test_molecules) for row in board.standings] == [(0.75, N)] * 2


def test_an_earlier_campaign_without_predictions_has_the_point_estimate(store):
    campaign = searched(store)
    evaluate(campaign, store, GEAR)
    evaluate(campaign, store, STL, predictions=False)
    change = leaderboard(campaign, store.head, store.folder).changes[GEAR]
    assert (change.value, change.interval) == (pytest.approx(-0.5), None)


def test_winners_on_different_splits_are_not_compared(store):
    campaign = searched(store)
    evaluate(campaign, store, GEAR)
    evaluate(campaign, store, STL, split_hash="another")
    assert leaderboard(campaign, store.head, store.folder).changes == {}


def test_whoever_gets_a_winner_is_told_of_what_is_wrong():
    trial = Trial(GEAR, 0, {}, {}, {}, findings=(Finding("overfitted", "validation error is far above"),))
    assert warnings_of(trial, "gear", Change(0.5)) == [
        "gear does not beat an untuned support vector machine",
        "in training, validation error is far above",
    ]
    assert warnings_of(dataclasses.replace(trial, findings=()), "gear", Change(-0.5)) == []


def test_only_what_looks_wrong_with_a_winner_is_found(store):
    best = Simulation(PLAN)
    best.run()
    winner = best.campaign.studies[GEAR].best.number
    wrong = {"failed_metric_share": 0.5}
    campaign = searched(store, {(GEAR, winner): wrong, (STL, (best.campaign.studies[STL].best.number + 1) % 8): wrong})
    found = leaderboard(campaign, store.head, store.folder).findings
    assert {name: [f.name for f in findings] for name, findings in found.items()} == {GEAR: ["near_singular_metric"]}
