"""A winner whose checkpoint is damaged: another trial of its study wins, or what to do is said; others are unharmed."""

import pytest
import torch

from gear.training.checkpoint import read_state, write_state
from search.campaign.campaign import Campaign
from search.campaign.events import CheckpointLost, StudyFinished
from search.campaign.selection import members, winner
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.results import delivery, finalize
from search.results.evidence import Board
from search.results.finalize import deliver, judge_results
from search.results.readable import readable_winner
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support.fake_training import recorded_search, small_plan
from tracking.evidence import Winner

GEAR, STL = "hv_from_ds.random.gear", "hv_from_ds.random.stl"


@pytest.fixture
def searched(tmp_path):
    """Makes a campaign whose trials are over, each with a whole checkpoint."""

    def make(**settings):
        plan = small_plan("quick-1", **settings)
        head = {"plan": plan_to_dict(plan), "data": {}, "created": "monday", "versions": {}}
        store = CampaignStore.create(LocalPath(tmp_path / "quick-1"), head, plan_to_toml(plan))
        campaign = recorded_search(plan, store)
        for study in campaign.studies.values():
            for trial in study.trials:
                write_state(store.folder.path / trial.checkpoint, {"best.a": torch.ones(3)}, {"last": None})
        return campaign, store

    return make


def spoil(store, trial):
    file = store.folder.path / trial.checkpoint / "state.safetensors"
    file.write_bytes(file.read_bytes()[:-3])


def lost(campaign, store):
    return [event for event in store.events() if isinstance(event, CheckpointLost)]


def test_a_whole_winner_wins(searched):
    campaign, store = searched()
    study = campaign.studies[GEAR]
    assert readable_winner(campaign, store, study, pytest.fail) is study.best
    assert lost(campaign, store) == []


def test_the_next_best_trial_wins_where_the_winner_is_damaged(searched):
    campaign, store = searched(pruner="none")
    study, said = campaign.studies[GEAR], []
    for trial in study.ranking[:2]:
        spoil(store, trial)
    assert readable_winner(campaign, store, study, said.append) is study.ranking[2]
    assert [event.number for event in lost(campaign, store)] == [trial.number for trial in study.ranking[:2]]
    assert [f"does without trial {trial.number}, since {trial.checkpoint} cannot be used: " in line
            for trial, line in zip(study.ranking, said, strict=False)] == [True, True]  # fmt: skip
    again = Campaign(campaign.plan, events=store.events())
    assert winner(again.studies[GEAR], campaign.plan.search).number == study.ranking[2].number


def test_where_no_other_trial_is_whole_it_is_said_what_to_do_and_nothing_is_recorded(searched):
    campaign, store = searched()
    study, said = campaign.studies[GEAR], []
    for trial in study.trials:
        spoil(store, trial)
    assert readable_winner(campaign, store, study, said.append) is None
    (line,) = said
    assert "gear-search train" in line
    assert study.best.checkpoint in line
    assert "then resume" in line
    assert lost(campaign, store) == []


def test_a_damaged_refit_is_left_out_of_the_ensemble(searched):
    campaign, store = searched(final="refit", refit_seeds=2, refit_folds=1)
    study = campaign.studies[GEAR]
    first, second = members(study, study.best, campaign.plan.search)
    spoil(store, first)
    assert readable_winner(campaign, store, study, lambda _: None) is study.best
    assert members(study, study.best, campaign.plan.search) == [second]
    assert campaign.left(study) == 0


def finished(campaign, study):
    best = winner(study, campaign.plan.search)
    campaign.finish_study(StudyFinished(study.name, best.number, best.value, 1, {"rmse": 1.0}))


@pytest.fixture
def quiet(monkeypatch):
    """Judging and exporting without models; lists what was judged and exported."""
    done = []

    def judge(campaign, store, study, best):
        done.append(("judged", study.name, best.number))
        finished(campaign, study)

    def export(campaign, store, result, card):
        for trial, _ in result.taken:
            with store.checkpoint(trial.checkpoint) as place:
                read_state(place)
        done.append(("exported", result.name))

    monkeypatch.setattr(finalize, "_judge_winner", judge)
    monkeypatch.setattr(finalize, "_export", export)
    monkeypatch.setattr(finalize, "read_board", lambda campaign, *_: Board(campaign, {}, None, (), ()))
    for module, name in (
        (finalize, "judge_references"),
        (finalize, "register_results"),
        (delivery, "study_card"),
    ):
        monkeypatch.setattr(module, name, lambda *_: None)
    known = Winner("hv_from_ds", "random", "gear", GEAR, "quick-1", 0, "s", {})
    monkeypatch.setattr(delivery, "winner_of", lambda *_: known)
    return done


def test_damage_costs_its_own_study_only(searched, quiet):
    campaign, store = searched()
    said = []
    for trial in campaign.studies[GEAR].trials:
        spoil(store, trial)
    judge_results(campaign, store, said.append)
    deliver(campaign, store, "", said.append)
    assert quiet == [("judged", STL, campaign.studies[STL].best.number), ("exported", STL)]
    (line,) = said
    assert line.startswith(f"{GEAR}: not tested, since {campaign.studies[GEAR].best.checkpoint} cannot be used: ")


def test_the_export_of_a_winner_that_was_damaged_later_stays_as_it_was(searched, quiet):
    campaign, store = searched()
    judge_results(campaign, store, pytest.fail)
    before = store.folder.path / "exports" / GEAR / "config.json"
    before.parent.mkdir(parents=True)
    before.write_text("{}")
    spoil(store, campaign.studies[GEAR].best)
    said = []
    judge_results(campaign, store, said.append)
    deliver(campaign, store, "", said.append)
    assert [done for done in quiet if done[0] == "exported"] == [("exported", STL)]
    assert before.read_text() == "{}"
    (line,) = said
    assert line.startswith(f"{GEAR}: its export stays as it was, since the checkpoint in")
