"""Campaigns that earlier versions wrote are read, and their trials repeated, as those versions meant them."""

import importlib.metadata
import json
import math
import shutil
from pathlib import Path

import pytest

from gear.data import load_pair
from gear.errors import StorageError
from gear.evaluation.evaluate import score_test_part
from gear.train import read_trial
from search.campaign.campaign import Campaign
from search.campaign.events import TrialAsked
from search.campaign.leaderboard import standings
from search.campaign.selection import members, winner
from search.launch.provenance import begin_launch
from search.plan.extension import extended_plan
from search.plan.plan_file import plan_from_dict
from search.results.evidence import read_board, winner_of
from search.storage.campaign_store import FORMAT, CampaignStore, read_campaign, read_events
from search.storage.local import LocalPath
from search.storage.relocation import relocated

CAMPAIGN = Path(__file__).parents[3] / "campaigns" / "format2"  # ef_from_hv, random, one tiny trial of gear and of stl


FORMAT4 = CAMPAIGN.with_name("format4")  # hv_from_ds, random, fake trials in two launches, a tested blend
FORMAT3 = CAMPAIGN.with_name("format3")  # hv_from_ds, random, fake trials of gear and of stl with finalists and refits


def opened(place, **changes):
    folder = LocalPath(place)
    plan = extended_plan(plan_from_dict(read_campaign(folder)["plan"]), changes)
    return Campaign(plan, events=read_events(folder))


@pytest.fixture(scope="module")
def campaign():
    return opened(CAMPAIGN)


def test_it_is_complete_and_its_settings_are_those_of_its_time(campaign):
    assert campaign.done
    assert campaign.plan.search.grace_steps == 4
    for study in campaign.studies.values():
        config = campaign.spec(study.name, 0).config
        assert (config.embedding.aggregation, config.embedding.dropout_place) == ("mean", "atoms")
        assert config.training.epoch_steps == 1


def test_its_splits_are_those_of_its_time(campaign):
    recorded = read_campaign(LocalPath(CAMPAIGN))["data"]["ef_from_hv.random"]
    spec = campaign.spec("ef_from_hv.random.stl", 0)
    assert spec.pair.key_version == 1
    assert load_pair(spec.pair, spec.split, spec.split_seed).split_hash == recorded["split_hash"]


@pytest.mark.parametrize("method", ["gear", "stl"])
def test_its_trial_file_is_the_recorded_trial(campaign, method):
    name = f"ef_from_hv.random.{method}"
    assert read_trial(CAMPAIGN / "checkpoints" / name / "0000" / "trial.json") == campaign.spec(name, 0)


@pytest.mark.parametrize("method", ["gear", "stl"])
def test_its_winners_checkpoint_scores_what_it_scored_then(campaign, method):
    study = campaign.studies[f"ef_from_hv.random.{method}"]
    spec = campaign.spec(study.name, 0)
    pair = load_pair(spec.pair, spec.split, spec.split_seed)
    found = score_test_part(CAMPAIGN / (study.trials[0].checkpoint or ""), spec, pair)
    assert math.isclose(found.rmse, study.finished[-1].scores["rmse"], rel_tol=1e-5)


def test_a_trial_file_that_names_little_takes_todays_defaults(tmp_path):
    trial = json.loads((CAMPAIGN / "checkpoints/ef_from_hv.random.stl/0000/trial.json").read_text())
    trial["config"] = {"method": "stl", "embedding": {"width": 16}}
    (tmp_path / "trial.json").write_text(json.dumps(trial))
    assert read_trial(tmp_path / "trial.json").config.embedding.aggregation == "norm"


def test_a_campaign_of_format_3_is_complete_with_its_winners_and_refits():
    campaign = opened(FORMAT3)
    assert campaign.done
    assert (campaign.plan.search.final_labels, campaign.blends) == ("train", {})
    for study, row in zip(campaign.studies.values(), standings(campaign), strict=True):
        best = winner(study, campaign.plan.search)
        assert [trial.number for trial in members(study, best, campaign.plan.search)] == study.finished[-1].trials
        assert (row.test_rmse, row.members) == (0.5, 0)


def test_a_campaign_of_format_3_can_be_resumed_to_end_with_models_on_all_labels():
    campaign = opened(FORMAT3, final="blend", final_labels="all")
    assert {study.name: campaign.left(study) for study in campaign.studies.values()} == dict.fromkeys(
        campaign.studies, 1
    )
    job = campaign.next_job("ticket")
    assert (job.spec.labels, job.spec.config.training.epochs, job.spec.config.training.keep) == ("all", 3, "last")


def test_a_campaign_of_format_4_counts_its_evaluations_and_has_no_versions_by_trial():
    campaign = opened(FORMAT4)
    assert campaign.done
    assert campaign.launches == []
    rows = standings(campaign)
    assert [row.method for row in rows] == ["gear", "stl", "blend"]
    assert {row.test_evaluations for row in rows} == {1}
    assert {trial.versions for study in campaign.studies.values() for trial in study.trials} == {()}
    assert campaign.begin_evaluation(rows[0].study) == campaign.begin_evaluation(rows[2].study) == 2


def test_a_campaign_of_format_4_is_resumed_and_written_in_the_format_of_today(tmp_path):
    folder, said = LocalPath(shutil.copytree(FORMAT4, tmp_path / "mine")), []
    recorded = json.loads((tmp_path / "mine/campaign.json").read_text()) | {"versions": {"torch": "2.12.0"}}
    (tmp_path / "mine/campaign.json").write_text(json.dumps(recorded))
    head, _ = relocated(folder)
    with CampaignStore.resume(folder) as store:
        store.update(head, "")
        campaign = Campaign(plan_from_dict(head["plan"]), store.append, store.events())
        begin_launch(campaign, head, said.append)
    version = importlib.metadata.version("torch").partition("+")[0]
    assert f"campaign mine goes on with torch {version} (before 2.12.0): " in said[0]
    assert json.loads((tmp_path / "mine/campaign.json").read_text())["format"] == FORMAT
    again = opened(tmp_path / "mine")
    assert again.launches == campaign.launches
    board = read_board(again, read_campaign(folder), folder)
    won = winner_of(board, again.studies["hv_from_ds.random.stl"])
    assert (won.versions, won.campaign_id) == (head["versions"], head["id"])


def test_a_campaign_of_format_4_is_read_with_its_blend_and_goes_on_in_todays_format(tmp_path):
    before = opened(FORMAT4)
    assert before.done
    (blend,) = before.tested_blends
    assert [(member.number, member.count) for member in blend.members] == [(0, 2), (1, 1)]
    folder = LocalPath(shutil.copytree(FORMAT4, tmp_path / "format4"))
    with CampaignStore.resume(folder) as store:
        store.update(store.head, "")
        store.append(
            TrialAsked("hv_from_ds.random.stl", 3, 0, {}, {}, before.studies["hv_from_ds.random.stl"].trials[0].config)
        )
    after = opened(folder.path)
    assert json.loads((folder / "campaign.json").read_text())["format"] == FORMAT
    assert len(after.studies["hv_from_ds.random.stl"].trials) == 4
    (folder.path / "events/000002.jsonl").unlink()
    with pytest.raises(StorageError, match=r"000002\.jsonl is missing"):
        opened(folder.path)
