"""What is tried next: the defaults, then chance, then what the sampler has learnt."""

import functools

import pytest

from search.plan import SAMPLERS
from tests.search.fakes import Simulation, small_plan


@functools.cache
def trials(sampler, number=5, startup_trials=3, launch=0):
    plan = small_plan(trials=number, methods=["stl"], sampler=sampler, startup_trials=startup_trials, grace_period=9)
    (study,) = Simulation(plan, slots=1).run().campaign.studies.values()
    return study.trials


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_defaults_come_first_then_chance_then_the_sampler(sampler):
    assert [trial.origin for trial in trials(sampler)] == ["default", "random", "random", sampler, sampler]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_campaign_proposes_the_same(sampler):
    first, second = (trials(sampler, launch=launch) for launch in (0, 1))
    assert [trial.params for trial in first] == [trial.params for trial in second]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_without_startup_trials_the_sampler_waits_for_something_to_learn_from(sampler):
    assert [trial.origin for trial in trials(sampler, 2, startup_trials=0)] == ["default", sampler]


def test_samplers_differ_once_they_have_learnt():
    tpe, gp, chance = ([trial.params for trial in trials(sampler)] for sampler in SAMPLERS)
    assert tpe[:3] == gp[:3] == chance[:3]
    assert tpe[4] != gp[4] != chance[4] != tpe[4]


def test_a_sampler_that_learns_comes_closer_than_chance():
    learnt, chance = (
        sorted(abs(trial.params["training.learning_rate"] - 2e-3) for trial in trials(sampler, 20))[:8]
        for sampler in ("tpe", "random")
    )
    assert sum(learnt) < sum(chance)
