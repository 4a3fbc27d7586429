"""What is tried next: the defaults, then random trials, then what the sampler has learnt."""

import copy
import dataclasses
import functools
import warnings

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    distribution_to_json,
    json_to_distribution,
)

from gear.results import STATES
from gear.variants import get_value
from search.campaign.campaign import Campaign
from search.campaign.events import TrialAsked
from search.campaign.optuna_mirror import OptunaMirror
from search.campaign.proposer import Proposer
from search.campaign.samplers import SAMPLERS
from search.plan.campaign_plan import stable_seed
from search.plan.space import suggest
from tests.support.fake_training import BrokenRun, FakeRun, Simulation, small_plan


@functools.cache
def trials(sampler, number=5, startup_trials=3, launch=0):
    plan = small_plan(trials=number, methods=["stl"], sampler=sampler, startup_trials=startup_trials, grace_period=9)
    (study,) = Simulation(plan, slots=1).run().campaign.studies.values()
    return study.trials


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_defaults_come_first_then_random_trials_then_the_sampler(sampler):
    assert [trial.origin for trial in trials(sampler)] == ["default", "random", "random", sampler, sampler]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_campaign_proposes_the_same(sampler):
    first, second = (trials(sampler, launch=launch) for launch in (0, 1))
    assert [trial.params for trial in first] == [trial.params for trial in second]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_without_startup_trials_the_sampler_waits_for_something_to_learn_from(sampler):
    assert [trial.origin for trial in trials(sampler, 2, startup_trials=0)] == ["default", sampler]


@pytest.mark.parametrize(("sampler", "number"), [("tpe", 20), ("gp", 6)])
def test_what_is_proposed_follows_from_the_events_before(sampler, number):
    plan = small_plan(trials=number, sampler=sampler, startup_trials=3, splits=("random", "scaffold"))
    events = Simulation(plan, slots=3).run().events
    asked = [index for index, event in enumerate(events) if isinstance(event, TrialAsked)]
    assert sampler in {events[index].origin for index in asked}
    for index in asked[:: 7 if sampler == "tpe" else 5]:
        assert Campaign(plan, events=events[:index]).asking.new() == events[index]


class BrokenAtTimes(FakeRun):
    def epochs(self):
        yield from (BrokenRun if self.spec.config.seed % 4 == 0 else FakeRun)(self.spec).epochs()


def optunas_own(name, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # multivariate is experimental
        if name == "gp":
            return optuna.samplers.GPSampler(n_startup_trials=1, seed=seed)
        return optuna.samplers.TPESampler(n_startup_trials=1, multivariate=True, seed=seed)


@pytest.mark.parametrize(("sampler", "method", "number"), [("tpe", "gear", 30), ("gp", "stl", 12)])
def test_proposals_are_those_of_optunas_own_sampler_on_the_same_trials(sampler, method, number):
    plan = small_plan(trials=number, methods=[method], sampler=sampler, startup_trials=1)
    simulation = Simulation(plan, factory=BrokenAtTimes, slots=3).run()
    (study,) = simulation.campaign.studies.values()
    assert all(map(study.count, STATES))
    learnt = [i for i, event in enumerate(simulation.events) if getattr(event, "origin", None) == sampler]
    assert len(learnt) > 3
    for index in learnt[::4]:
        event = simulation.events[index]
        (before,) = Campaign(plan, events=simulation.events[:index]).studies.values()
        mirror = OptunaMirror()
        mirror.follow(before.trials)
        mirror.study.sampler = optunas_own(sampler, stable_seed(plan.search.seed, study.name, event.number))
        trial = mirror.study.ask()
        config = suggest(trial, method, plan.config)
        assert {path: get_value(config, path) for path in trial.params} == event.params


def of_an_earlier_version(trial):
    """The same trial, chosen when the space had no aggregation, no zero share of dropout and other kinds."""
    params = {path: value for path, value in trial.params.items() if path != "embedding.aggregation"}
    space = {path: json_to_distribution(d) for path, d in trial.distributions.items() if path in params}
    space |= {
        "embedding.dropout": FloatDistribution(0.0, 0.3),
        "embedding.kind": CategoricalDistribution(("dmpnn", "fingerprint", "text", "withdrawn")),
    }
    config = copy.deepcopy(trial.config)
    config["embedding"]["kind"] = params["embedding.kind"] = "withdrawn" if trial.number == 1 else "text"
    distributions = {path: distribution_to_json(d) for path, d in space.items()}
    return dataclasses.replace(trial, params=params, distributions=distributions, config=config)


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_sampler_learns_from_trials_of_a_version_with_another_space(sampler):
    plan = small_plan(trials=6, methods=["stl"], sampler=sampler, startup_trials=3, vary=("embedding.kind",))
    (study,) = Simulation(plan, slots=1).run().campaign.studies.values()
    study.searched[:] = map(of_an_earlier_version, study.searched)
    proposer = Proposer("stl", plan.config, plan.search)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GP says which dimension it samples independently
        proposal = proposer.propose(study)
    assert proposal.origin == sampler
    seen = proposer._mirror.study.trials
    assert "embedding.kind" not in seen[1].params
    assert seen[2].params["embedding.kind"] == "text"
    assert all(
        trial.params.keys() - {"embedding.kind"} == proposal.params.keys() - {"embedding.kind"} for trial in seen
    )
    assert {str(trial.distributions["embedding.dropout"]) for trial in seen} == {str(FloatDistribution(-0.3, 0.3))}


def test_a_proposal_that_could_not_be_recorded_is_made_again():
    plan = small_plan(trials=30, methods=["stl"], startup_trials=2)
    simulation = Simulation(plan, slots=1).run(turns=50)
    campaign = simulation.campaign
    assert campaign.asking.new().origin == "tpe"
    assert campaign.asking.new() == campaign.asking.new()


def test_samplers_differ_once_they_have_learnt():
    tpe, gp, chance = ([trial.params for trial in trials(sampler)] for sampler in SAMPLERS)
    assert tpe[:3] == gp[:3] == chance[:3]
    assert tpe[4] != gp[4] != chance[4] != tpe[4]


def test_a_sampler_that_learns_comes_closer_than_random_sampling():
    learnt, chance = (
        sorted(abs(trial.params["training.learning_rate"] - 2e-3) for trial in trials(sampler, 20))[:8]
        for sampler in ("tpe", "random")
    )
    assert sum(learnt) < sum(chance)
