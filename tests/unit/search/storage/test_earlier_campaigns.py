"""What a campaign takes over from earlier ones: their best, and nothing that was chosen on what it is tested on."""

import dataclasses

import pytest

from gear.config import PairSpec, TaskSpec
from gear.errors import StorageError
from search.campaign.events import TrialAsked
from search.plan.campaign_plan import expand_pairs
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.campaign_store import CampaignStore
from search.storage.earlier_campaigns import earlier_studies
from search.storage.local import LocalPath
from tests.support.fake_training import Simulation, small_plan

STUDY = "hv_from_ds.random.stl"


def plan_of(pair="hv_from_ds", split="random", **search):
    plan = small_plan(methods=["stl"], splits=[split], **search)
    return dataclasses.replace(plan, pairs=expand_pairs([pair]))


@pytest.fixture
def recorded(tmp_path):
    """Write a campaign that has run, under the hash of its split."""
    storage = LocalPath(tmp_path)

    def write(plan, split_hash="same"):
        (study,) = plan.studies
        head = {"plan": plan_to_dict(plan), "data": {study.name.removesuffix(".stl"): {"split_hash": split_hash}}}
        with CampaignStore.create(storage / "before", head, plan_to_toml(plan)) as store:
            for events in Simulation(plan).run().steps:
                store.append(*events)
        return storage

    return write


def taken(storage, say=pytest.fail, new=True, **search):
    plan = plan_of(earlier_campaigns=("before",), **search)
    earlier = earlier_studies(storage, plan, {"hv_from_ds.random": {"split_hash": "same"}}, say, new=new)
    simulation = Simulation(plan, slots=1, earlier=earlier).run()
    asked = [event for event in simulation.events if isinstance(event, TrialAsked)]
    return [(event.origin, event.params) for event in asked if event.origin.startswith("study ")], earlier


def test_the_best_of_an_earlier_campaign_is_tried_early(recorded):
    found, earlier = taken(recorded(plan_of(trials=12, seed=5)))
    (before,) = earlier[STUDY]
    best = before.ranking[0]
    assert (f"study before/{STUDY} #{best.number}", best.params) in found


@pytest.mark.parametrize(
    ("pair", "split", "split_hash", "wanted"),
    [
        ("hv_from_ds", "random", "same", True),
        ("hv_from_ds", "random", "of another seed", False),
        ("hv_from_ds", "scaffold", "another", False),
        ("hv_from_bp", "random", "another", False),
        ("vp_from_bp", "random", "another", True),
        ("vp_from_bp", "scaffold", "another", False),
    ],
)
def test_only_the_very_same_split_is_taken_from(recorded, pair, split, split_hash, wanted):
    found, _ = taken(recorded(plan_of(pair, split, trials=12, seed=5), split_hash))
    assert bool(found) == wanted


@pytest.mark.parametrize(("split_hash", "wanted"), [("same", True), ("of another seed", False)])
def test_a_campaign_that_had_the_target_on_another_split_hands_nothing_on(tmp_path, split_hash, wanted):
    """Its studies of other targets may have taken over what was chosen on this one's test part."""
    plan = dataclasses.replace(plan_of(trials=12, seed=5), pairs=expand_pairs(["hv_from_ds", "vp_from_bp"]))
    data = {"hv_from_ds.random": {"split_hash": split_hash}, "vp_from_bp.random": {"split_hash": "of vp"}}
    with CampaignStore.create(
        LocalPath(tmp_path) / "before", {"plan": plan_to_dict(plan), "data": data}, plan_to_toml(plan)
    ) as store:
        for events in Simulation(plan).run().steps:
            store.append(*events)
    _, earlier = taken(LocalPath(tmp_path))
    assert bool(earlier[STUDY]) is wanted


def test_earlier_campaigns_are_taken_from_where_studies_do_not_share(recorded):
    found, _ = taken(recorded(plan_of(trials=12, seed=5)), transfer_starts=False)
    assert found


def test_a_campaign_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageError, match="no campaign in"):
        taken(LocalPath(tmp_path))


def test_a_resumed_campaign_goes_on_without_an_earlier_one_that_is_gone(tmp_path):
    said = []
    found, _ = taken(LocalPath(tmp_path), said.append, new=False)
    assert found == []
    (line,) = said
    assert line.startswith(f"nothing more is taken over from campaign before: no campaign in {tmp_path}/before")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"log10": True}, False),
        ({"censored": "drop"}, False),
        ({"file": "/renamed.csv"}, False),
        ({"file": "/renamed.csv", "property": "renamed"}, False),  # where columns have one name
        ({"column": "mp", "property": "mp"}, True),
    ],
)
def test_a_table_of_ones_own_is_the_same_target_whatever_is_done_with_it(recorded, changes, wanted):
    before = TaskSpec("tg", "/mine.csv", "tg")
    now = dataclasses.replace(before, **changes)
    source = expand_pairs(["hv_from_bp"])[0].sources

    def plan(target, **search):
        return dataclasses.replace(small_plan(methods=["stl"], **search), pairs=(PairSpec(target, source),))

    storage = recorded(plan(before, trials=12, seed=5), "of another seed")
    mine = plan(now, earlier_campaigns=("before",))
    (study,) = mine.studies
    data = {study.name.removesuffix(".stl"): {"split_hash": "now"}}
    assert bool(earlier_studies(storage, mine, data, pytest.fail, new=True)[study.name]) is wanted
