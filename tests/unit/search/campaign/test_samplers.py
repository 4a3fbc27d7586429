"""A user's own sampler is found by its import path, and proposes from the recorded trials, their number and a seed."""

import json
import shutil
from pathlib import Path

import optuna
import pytest

from gear.errors import InputDataError, UnknownNameError
from search.campaign.campaign import Campaign
from search.campaign.events import TrialAsked, encode
from search.campaign.samplers import SAMPLERS, find_sampler
from tests.support.fake_training import Simulation, small_plan

ROOT = Path(__file__).parents[4]
FACTORY = """
from optuna.samplers import {sampler}

def make_sampler(seed):
    return {sampler}(seed=seed)

make_sampler.learns_from = {learns_from}
"""


def trials(sampler, number=6, startup_trials=3):
    plan = small_plan(trials=number, methods=["stl"], sampler=sampler, startup_trials=startup_trials)
    (study,) = Simulation(plan, slots=1).run().campaign.studies.values()
    return study.trials


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_a_built_in_sampler_proposes_first_depends_on_the_seed_alone(name):
    sampler = find_sampler(name)
    assert sampler.name == name

    def proposed(seed):
        made = sampler.make(seed=seed)
        made.known = optuna.search_space.IntersectionSearchSpace()
        study = optuna.create_study(sampler=made)
        return study.ask({"x": optuna.distributions.FloatDistribution(0.0, 1.0)}).params

    assert proposed(3) == proposed(3) != proposed(4)


def test_a_sampler_of_optunas_is_named_by_its_path():
    path = "optuna.samplers:TPESampler"
    assert [trial.origin for trial in trials(path)] == ["default", *["random"] * 2, *[path] * 3]


def test_a_users_factory_is_found_in_the_working_folder(module):
    name = module(FACTORY.format(sampler="TPESampler", learns_from=("complete", "pruned")))
    mine, optunas = trials(f"{name}:make_sampler"), trials("optuna.samplers:TPESampler")
    assert [trial.params for trial in mine] == [trial.params for trial in optunas]
    assert [trial.origin for trial in mine[3:]] == [f"{name}:make_sampler"] * 3


def test_a_sampler_that_learns_from_nothing_is_asked_from_the_beginning(module):
    name = module(FACTORY.format(sampler="QMCSampler", learns_from=()))
    assert [trial.origin for trial in trials(f"{name}:make_sampler")] == ["default", *[f"{name}:make_sampler"] * 5]


def test_a_sampler_waits_for_trials_in_the_states_that_it_learns_from(module):
    name = module(FACTORY.format(sampler="TPESampler", learns_from=("failed",)))
    assert {trial.origin for trial in trials(f"{name}:make_sampler")} == {"default", "random"}


NUMPY = """
import numpy as np
from optuna.samplers import RandomSampler

class OfNumpy(RandomSampler):
    def sample_independent(self, *args):
        value = super().sample_independent(*args)
        return value if isinstance(value, bool) else np.asarray(value)[()]
"""


def test_numbers_of_numpys_are_recorded_as_plain_ones(module):
    plan = small_plan(trials=4, methods=["stl"], sampler=f"{module(NUMPY)}:OfNumpy", startup_trials=1)
    simulation = Simulation(plan, slots=1).run()
    last = max((e for e in simulation.events if isinstance(e, TrialAsked)), key=lambda event: event.number)
    assert last.origin.endswith(":OfNumpy")
    assert json.loads(json.dumps(encode(last))) == encode(last)
    assert {type(value) for value in last.params.values()} == {int, float}


@pytest.fixture
def example(tmp_path, monkeypatch):
    shutil.copy(ROOT / "examples" / "plugins" / "my_sampler.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    return "my_sampler:NearTheBest"


STATEFUL = ("CmaEsSampler", "NSGAIISampler", "QMCSampler")  # keep what they know in Optuna's study


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("path", [None, *(f"optuna.samplers:{name}" for name in STATEFUL)])
def test_what_a_sampler_of_ones_own_proposes_follows_from_the_events_before(path, example):
    path = path or example
    plan = small_plan(trials=14, methods=["stl"], sampler=path, startup_trials=2)
    simulation = Simulation(plan, slots=3).run()
    asked = [index for index, event in enumerate(simulation.events) if isinstance(event, TrialAsked)]
    assert sum(simulation.events[index].origin == path for index in asked) > 5
    for index in asked:
        assert Campaign(plan, events=simulation.events[:index]).asking.new() == simulation.events[index]


def test_the_example_keeps_most_of_the_best_trial(example):
    *before, last = trials(example, 9)
    best = min(before, key=lambda trial: trial.value)
    kept = [name for name in last.params if last.params[name] == best.params[name]]
    assert 0 < len(kept) < len(last.params)


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "make", "has no 'make'"),
        ("make = 3", "make", "is int, not a class or a function"),
        (
            "import optuna\nmake = optuna.samplers.RandomSampler()",
            "make",
            "is RandomSampler, not a class or a function",
        ),
        ("def make(seed): return seed", "make", r"gives int, not an optuna\.samplers\.BaseSampler"),
        ("def make(): return None", "make", "cannot be made with seed=0: TypeError: .*unexpected keyword"),
        (
            "from optuna.samplers import GridSampler as make",
            "make",
            "cannot be made with seed=0: TypeError: .*search_space",
        ),
        ("import optuna\nclass Make(optuna.samplers.RandomSampler): learns_from = ('done',)", "Make", "learns_from"),
    ],
)
def test_what_is_no_sampler_is_named_in_a_line(module, text, name, says):
    with pytest.raises(InputDataError, match=f"sampler .*:{name}.*{says}"):
        find_sampler(f"{module(text)}:{name}")


def test_an_unknown_sampler_is_told_what_there_is():
    with pytest.raises(UnknownNameError, match="unknown sampler 'cmaes'; known: tpe, gp, random, my_module:MySampler"):
        find_sampler("cmaes")
