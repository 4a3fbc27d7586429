"""After the search: an evaluation on the test part counts from its beginning, and evidence is gathered once."""

import contextlib
import dataclasses
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from gear.export import Member
from search.campaign.campaign import Campaign
from search.campaign.events import EvaluationBegun, TrialAsked, TrialEnded
from search.campaign.leaderboard import standings
from search.campaign.selection import winner
from search.plan.plan_file import plan_from_dict, plan_to_dict, plan_to_toml
from search.results import delivery, evidence, finalize
from search.results.evidence import read_board, winner_of
from search.results.finalize import deliver, judge_results, register_results
from search.storage.campaign_store import CampaignStore, read_campaign, read_events
from search.storage.local import LocalPath
from tests.support.fake_training import recorded_search, small_plan
from tracking.identity import CampaignIdentity

PLAN = small_plan("quick-1")
GEAR, STL = (f"hv_from_ds.random.{method}" for method in ("gear", "stl"))
HEAD = {
    "id": "0123456789abcdef",
    "plan": plan_to_dict(PLAN),
    "data": {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}},
    "created": "2026-01-01T00:00:00+00:00",
}
SCORES = {"rmse": 0.5, "rmse_units": 5.0, "mae": 0.4, "r2": 0.7, "n": 60}
PREDICTIONS = pa.table({"smiles": ["CCO", "CCC"], "part": ["test"] * 2, "value": [1.0, 2.0], "prediction": [1.5, 2.5]})
FORMAT3 = Path(__file__).parents[3] / "campaigns" / "format3"


class Killed(BaseException):
    """The driver dies here."""


@pytest.fixture
def store(tmp_path):
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), HEAD, plan_to_toml(PLAN)) as opened:
        recorded_search(PLAN, opened)
        yield opened


@pytest.fixture
def judged(monkeypatch):
    """Stands in for models; calls what is appended to the list before a test has a result."""

    @contextlib.contextmanager
    def models(*_):
        yield [Member(Path(), None, SimpleNamespace(split_hash="s", data_hash="d"))]

    before = []

    def judge(*_):
        for call in before:
            call()
        return PREDICTIONS, SCORES

    def whole(campaign, store, study, say):  # no checkpoint is looked at
        return winner(study, PLAN.search)

    monkeypatch.setattr(finalize, "readable_winner", whole)
    monkeypatch.setattr(finalize, "models", models)
    monkeypatch.setattr(finalize, "predict_all", lambda *_: [])
    monkeypatch.setattr(finalize, "judge_references", lambda *_: None)
    monkeypatch.setattr(finalize, "judge_with_intervals", judge)
    return before


def resumed(store):
    return Campaign(PLAN, store.append, store.events())


def test_an_evaluation_is_recorded_before_anything_is_evaluated_and_counts_where_its_result_was_lost(store, judged):
    begun = []

    def die():
        begun.append(sum(isinstance(event, EvaluationBegun) for event in read_events(store.folder)))
        raise Killed

    judged.append(die)
    for _ in range(2):
        with pytest.raises(Killed):
            judge_results(resumed(store), store, pytest.fail)
    assert begun == [1, 2]
    judged.clear()
    campaign = resumed(store)
    judge_results(campaign, store, pytest.fail)
    for one in (campaign, resumed(store)):
        assert {row.study: row.test_evaluations for row in standings(one)} == {GEAR: 3, STL: 1}
        assert one.studies[GEAR].finished[-1].test_evaluations == 3
    assert winner_of(read_board(campaign, HEAD, store.folder), campaign.studies[GEAR]).test_evaluations == 3


def test_what_was_tested_is_not_tested_again(store, judged):
    judge_results(resumed(store), store, pytest.fail)
    judged.append(lambda: pytest.fail("it was tested"))
    judge_results(resumed(store), store, pytest.fail)


def test_a_winner_that_fresh_seeds_confirm_is_recorded_with_their_error_and_not_tested_again(store, judged):
    judge_results(resumed(store), store, pytest.fail)
    judged.append(lambda: pytest.fail("it was tested"))
    finalists = dataclasses.replace(PLAN, search=dataclasses.replace(PLAN.search, finalists=1))
    campaign = Campaign(finalists, store.append, store.events())
    study = campaign.studies[GEAR]
    first, number = study.finished[-1], len(study.trials)
    config = {**study.best.config, "seed": 7}
    campaign._record(TrialAsked(GEAR, number, 0, {}, {}, config, purpose="rescore", of=study.best.number))
    campaign._record(TrialEnded(GEAR, number, "complete", "last epoch", first.validation_rmse + 0.5, 9))
    for _ in range(2):
        judge_results(campaign, store, pytest.fail)
    for one in (campaign, Campaign(finalists, events=store.events())):
        earlier, last = one.studies[GEAR].finished
        assert earlier == first
        assert last == dataclasses.replace(first, validation_rmse=first.validation_rmse + 0.5)
        assert len(one.studies[STL].finished) == 1
        row = next(row for row in standings(one) if row.study == GEAR)
        assert (row.validation_rmse, row.test_evaluations) == (last.validation_rmse, 1)
    assert winner_of(read_board(campaign, HEAD, store.folder), study).scores["validation_rmse"] == last.validation_rmse


def test_an_earlier_version_recorded_only_the_results_and_counting_goes_on_from_there():
    folder = LocalPath(FORMAT3)
    campaign = Campaign(plan_from_dict(read_campaign(folder)["plan"]), events=read_events(folder))
    study = next(iter(campaign.studies.values()))
    assert study.evaluations == study.finished[-1].test_evaluations == 1
    assert campaign.begin_evaluation(study.name) == 2


@pytest.fixture
def delivered(store, judged, monkeypatch):
    """Exports and registers a tested campaign; counts calls, and lists what was registered."""
    campaign, calls, registered = resumed(store), Counter(), []
    judge_results(campaign, store, pytest.fail)

    def export(campaign, store, result, card):
        with store.export(result.name) as to:
            to.mkdir(parents=True)

    def counting(name):
        original = getattr(evidence, name)

        def call(*arguments):
            calls[name] += 1
            return original(*arguments)

        monkeypatch.setattr(evidence, name, call)

    for name in ("standings", "read_references", "change_of", "reference_change"):
        counting(name)
    monkeypatch.setattr(delivery, "study_card", lambda *_: {})
    monkeypatch.setattr(finalize, "_export", export)

    def register(uri, export, won):
        registered.append(won)
        return SimpleNamespace(version=str(len(registered)))

    monkeypatch.setattr(finalize, "register_winner", register)
    monkeypatch.setattr(finalize, "supersede_others", lambda *arguments: calls.update({str(arguments[1:]): 1}))
    monkeypatch.setattr(finalize, "attach", lambda *_: None)
    deliver(campaign, store, "sqlite:///none.db", pytest.fail)
    return campaign, calls, registered


def test_standings_are_read_once_and_each_winner_is_compared_once(delivered):
    _, calls, registered = delivered
    others = CampaignIdentity.of(PLAN.name, HEAD), ["gear.hv_from_ds.random"], {GEAR: "1", STL: "2"}
    assert calls.pop(str(others)) == 1
    assert [won.study for won in registered] == [GEAR, STL]
    assert calls == {"standings": 1, "read_references": 1, "change_of": 2, "reference_change": 2}
    assert (registered[0].campaign_id, registered[0].created) == (HEAD["id"], HEAD["created"])
    assert registered[0].change is not None
    assert registered[0].models != registered[1].models


def test_what_a_folder_lacks_is_named(delivered, store):
    campaign, _, registered = delivered
    registered.clear()
    (store.folder / "exports" / GEAR).remove()
    (store.folder / "predictions" / f"{STL}.parquet").remove()
    said = []
    register_results(read_board(campaign, HEAD, store.folder), "sqlite:///none.db", said.append)
    assert [won.study for won in registered] == [STL]
    assert said == [
        f"{GEAR}: not registered, since there is no {store.folder}/exports/{GEAR}",
        f"{STL}: without predictions in the report, since there is no {store.folder}/predictions/{STL}.parquet",
    ]


def test_versions_of_a_winner_are_those_that_trained_it():
    first, second = {"torch": "2.12.0", "rdkit": "2026.3.6"}, {"torch": "2.13.0", "rdkit": "2026.3.6"}
    earlier, later = SimpleNamespace(versions=()), SimpleNamespace(versions=(second,))
    assert evidence._versions([earlier], first) == first
    assert evidence._versions([later], first) == second
    assert evidence._versions([earlier, later, later], first) == {"torch": "2.12.0, 2.13.0", "rdkit": "2026.3.6"}


def test_an_export_is_written_again_only_where_what_it_is_made_of_changed_or_it_is_damaged(store, member, monkeypatch):
    made = []

    @contextlib.contextmanager
    def models(*_):
        made.append(member)
        yield [member]

    monkeypatch.setattr(finalize, "models", models)
    monkeypatch.setattr(finalize, "predict_all", lambda *_: [])
    monkeypatch.setattr(finalize, "calibration_of", lambda *_: None)
    monkeypatch.setattr(finalize, "tested_on", lambda found: found.pair)

    def export(checkpoint="attempt-0/epoch-9", **card):
        made.clear()
        shares = [(SimpleNamespace(checkpoint=checkpoint), 1.0)]
        finalize._export(None, store, delivery.Delivered(GEAR, shares, shares, None, None), card)
        return bool(made)

    assert export(rmse=0.5)
    assert not export(rmse=0.5)
    assert export(rmse=0.4)
    assert export("attempt-1/epoch-9", rmse=0.4)
    (store.folder / f"exports/{GEAR}/README.md").write_text("half")
    assert export("attempt-1/epoch-9", rmse=0.4)
    assert not export("attempt-1/epoch-9", rmse=0.4)
