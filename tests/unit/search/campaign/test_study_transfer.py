"""What a study takes over from related ones."""

import dataclasses
import itertools

import pytest

from gear.config import EmbeddingConfig, TrialConfig
from search.campaign.campaign import Campaign
from search.campaign.events import TrialAsked
from search.campaign.study import Study, Trial
from search.campaign.study_transfer import transferred_start
from search.plan.campaign_plan import StudyPlan, expand_pairs
from search.plan.settings import SearchSettings
from tests.support.fake_training import Simulation, small_plan

SETTINGS = SearchSettings(startup_trials=3)
BASE = TrialConfig()
GOOD = {"training.learning_rate": 2e-3, "encoder.depth": 2}


def study(pair, method="stl", *values, split="random", **params):
    """A study whose trials completed with these values; the parameters are those of the second."""
    (spec,) = expand_pairs([pair])
    plan = StudyPlan(spec, split, method)
    chosen = ({"encoder.depth": 1}, params or GOOD)
    trials = [
        Trial(plan.name, number, chosen[min(number, 1)], {}, {}, state="complete", value=value)
        for number, value in enumerate(values)
    ]
    return Study(plan, 8, 2, trials=trials, searched=trials, ranking=sorted(trials, key=lambda trial: trial.value))


def origin(own, *others, base=BASE):
    found = transferred_start(own, others, SETTINGS, base)
    return None if found is None else found.origin


def test_what_beat_the_defaults_elsewhere_is_taken_over():
    assert (
        origin(study("hv_from_ds", "stl", 0.5), study("hv_from_bp", "stl", 0.5, 0.4))
        == "study hv_from_bp.random.stl #1"
    )


def test_same_target_comes_before_same_source_before_any_other():
    any_pair, source, target = (study(pair, "stl", 0.5, 0.4) for pair in ("dk_from_lp", "st_from_ds", "hv_from_bp"))
    own = study("hv_from_ds", "stl", 0.5)
    assert origin(own, any_pair, source, target).startswith("study hv_from_bp")
    assert origin(own, any_pair, source).startswith("study st_from_ds")
    assert origin(own, any_pair).startswith("study dk_from_lp")


def test_there_is_nothing_to_take_from_where_the_defaults_were_best_or_of_another_method():
    assert origin(study("hv_from_ds", "stl", 0.5), study("hv_from_bp", "stl", 0.5, 0.6)) is None
    assert origin(study("hv_from_ds", "stl", 0.5), study("hv_from_bp", "gear", 0.5, 0.4)) is None


def test_nothing_is_taken_from_another_split():
    """Its validation molecules may be in this study's test part; another target may have taken over what they chose."""
    own, elsewhere = study("hv_from_ds", "stl", 0.5), study("hv_from_ds", "stl", 0.5, 0.4, split="scaffold")
    assert origin(own, elsewhere) is None
    assert origin(own, study("dk_from_lp", "stl", 0.5, 0.4, split="scaffold")) is None
    assert origin(own, study("dk_from_lp", "stl", 0.5, 0.4)) == "study dk_from_lp.random.stl #1"


def test_the_defaults_come_first_and_late_trials_are_the_samplers():
    other = study("hv_from_bp", "stl", 0.5, 0.4)
    assert origin(study("hv_from_ds", "stl"), other) is None
    assert origin(study("hv_from_ds", "stl", 0.5, 0.5, 0.5, 0.5), other) is None


def test_nothing_is_tried_twice():
    assert origin(study("hv_from_ds", "stl", 0.5, 0.6), study("hv_from_bp", "stl", 0.5, 0.4)) is None


def test_a_value_outside_of_the_space_is_left_to_chance():
    odd = {"encoder.depth": 2, "encoder.width": 33, "training.batch_size": 7, "weights.curv": 1.0}
    other = study("hv_from_bp", "stl", 0.5, 0.4, **odd)
    found = transferred_start(study("hv_from_ds", "stl", 0.5), [other], SETTINGS, BASE)
    assert found.params == {"encoder.depth": 2}


def test_the_shape_of_pretrained_weights_is_not_taken_over():
    own = study("hv_from_ds", "stl", 0.5)
    sized = {"embedding.width": 96, "embedding.depth": 4}
    begun = TrialConfig(embedding=EmbeddingConfig(pretrained="descriptors"))
    assert origin(own, study("hv_from_bp", "stl", 0.5, 0.4, **sized), base=begun) is None
    both = study("hv_from_bp", "stl", 0.5, 0.4, **sized, **{"encoder.depth": 2})
    assert transferred_start(own, [both], SETTINGS, begun).params == {"encoder.depth": 2}
    assert transferred_start(own, [both], SETTINGS, BASE).params == {**sized, "encoder.depth": 2}


@pytest.fixture(scope="module")
def shared():
    plan = small_plan(trials=10, methods=["stl"], startup_trials=6)
    plan = dataclasses.replace(plan, pairs=expand_pairs(["hv_from_ds", "hv_from_bp"]))
    return Simulation(plan, slots=1).run()


def transferred(events):
    return [event for event in events if isinstance(event, TrialAsked) and event.origin.startswith("study ")]


def test_studies_of_a_campaign_share_what_they_found(shared):
    found = transferred(shared.events)
    assert found
    for event in found:
        name, _, number = event.origin.removeprefix("study ").partition(" #")
        giver = shared.campaign.studies[name].trials[int(number)]
        assert name != event.study
        assert event.params == giver.params
        assert giver.value < shared.campaign.studies[name].trials[0].value
    for name in shared.campaign.studies:
        assert sum(event.study == name for event in found) <= 2


def test_sharing_can_be_switched_off(shared):
    plan = shared.campaign.plan
    alone = dataclasses.replace(plan, search=dataclasses.replace(plan.search, transfer_starts=False))
    assert not transferred(Simulation(alone, slots=1).run().events)


def test_a_resumed_campaign_shares_the_same(shared):
    event = transferred(shared.events)[-1]
    before = itertools.takewhile(lambda earlier: earlier is not event, shared.events)
    campaign = Campaign(shared.campaign.plan, events=before)
    job = campaign.next_job("again")
    assert (job.study, job.number, job.spec) == (
        event.study,
        event.number,
        shared.campaign.spec(event.study, event.number),
    )
