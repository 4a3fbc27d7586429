"""Which trials one worker is given: how many, which, with which parameters; what happens when it dies."""

import dataclasses
from collections import Counter

import pytest
from optuna.trial import TrialState

from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.parsing import from_dict
from gear.structure import is_own, structure
from search.campaign.arrays import array_size
from search.campaign.campaign import Campaign
from search.campaign.events import AttemptLost, TrialAsked, TrialEnded
from search.campaign.optuna_mirror import OptunaMirror
from search.campaign.trial_report import TrialReport
from search.plan.settings import SearchSettings
from tests.support.fake_training import Simulation, small_plan

PLAN = {"methods": ["stl"], "trials": 40, "fuse": "4"}


def arrays_of(simulation, slots):
    """The jobs of every ticket, in order, of a campaign that is run to its end."""
    found = []
    hand_out = simulation.campaign.next_jobs

    def noted(ticket, slots):
        jobs = hand_out(ticket, slots)
        found.extend([jobs] if jobs else [])
        return jobs

    simulation.campaign.next_jobs = noted
    simulation.slots = slots
    simulation.run()
    return found


@pytest.fixture(scope="module")
def simulation():
    return Simulation(small_plan(**PLAN, finalists=3, finalist_seeds=4, final="refit", refit_seeds=3))


@pytest.fixture(scope="module")
def arrays(simulation):
    return arrays_of(simulation, slots=2)


def test_an_array_has_one_structure_and_parameters_of_its_own_in_the_rest(arrays):
    several = [jobs for jobs in arrays if len(jobs) > 1]
    assert max(map(len, arrays)) == 4
    assert len(several) > 8
    for jobs in several:
        configs = [job.spec.config for job in jobs]
        assert len({structure(config) for config in configs}) == 1
        assert len({config.seed for config in configs}) == len(jobs)
        assert {job.study for job in jobs} == {"hv_from_ds.random.stl"}


def test_proposals_of_an_array_differ_in_what_each_has_for_itself(simulation, arrays):
    study = simulation.campaign.studies["hv_from_ds.random.stl"]
    searched = [[study.trials[job.number] for job in jobs] for jobs in arrays]
    proposed = [trials for trials in searched if len(trials) > 1 and trials[0].purpose == "search"]
    assert {trial.origin for trials in proposed for trial in trials} == {"random", "tpe"}
    for trials in proposed:
        assert len({trial.params["training.learning_rate"] for trial in trials}) == len(trials)
        for path in trials[0].params:
            assert is_own(path) or len({trial.params[path] for trial in trials}) == 1
        assert all(from_dict(TrialConfig, trial.config).embedding.width for trial in trials)


def test_the_defaults_are_trained_alone(arrays):
    assert [job.number for job in arrays[0]] == [0]


def test_the_budget_is_met_and_every_trial_ends(simulation, arrays):
    study = simulation.campaign.studies["hv_from_ds.random.stl"]
    assert Counter(trial.purpose for trial in study.trials) == {"search": 40, "rescore": 12, "refit": 3}
    assert all(trial.state != "running" for trial in study.trials)
    assert study.count("pruned") > 0


def test_arrays_are_rebuilt_from_events(simulation, arrays):
    events = simulation.events
    for index in range(0, len(events), 97):
        assert Campaign(simulation.campaign.plan, events=events[:index]).live == 0
    again = Campaign(simulation.campaign.plan, events=events)
    assert again.done
    assert again.studies["hv_from_ds.random.stl"].trials == simulation.campaign.studies["hv_from_ds.random.stl"].trials


def test_at_most_a_fifth_of_the_budget_is_asked_at_once_after_the_start(simulation, arrays):
    for jobs in arrays_of(Simulation(small_plan(**PLAN | {"trials": 10, "fuse": "8"}, startup_trials=0)), slots=1):
        assert len(jobs) <= 2


@pytest.mark.parametrize(
    ("fuse", "gpus", "purpose", "waiting", "slots", "size"),
    [
        ("off", 0.25, "search", 99, 1, 1),
        ("3", 0.0, "search", 99, 1, 3),
        ("1", 0.25, "refit", 99, 1, 1),
        ("auto", 0.0, "search", 99, 1, 1),
        ("auto", 0.25, "search", 99, 1, 8),
        ("auto", 0.0, "refit", 99, 1, 8),
        ("8", 0.25, "search", 12, 4, 3),
        ("8", 0.25, "search", 3, 4, 1),
        ("auto", 0.0, "rescore", 3, 2, 2),
    ],
)
def test_the_size_of_an_array(fuse, gpus, purpose, waiting, slots, size):
    assert array_size(SearchSettings(fuse=fuse, gpus_per_trial=gpus), purpose, lambda: waiting, slots) == size


def row(epoch, value=0.5, status="running"):
    return TrialReport(status, "", epoch, {"best_validation_rmse": value, "best_epoch": epoch}, f"epoch-{epoch}")


@pytest.fixture
def begun():
    """A campaign whose second ticket has four trials, and its events."""
    events = []
    plan = dataclasses.replace(small_plan(**PLAN))
    campaign = Campaign(plan, lambda *new: events.extend(new))
    campaign.next_jobs("defaults", 1)
    jobs = campaign.next_jobs("array", 1)
    assert [job.number for job in jobs] == [1, 2, 3, 4][: len(jobs)]
    return campaign, events, jobs


def test_trials_of_a_ticket_are_reported_and_end_one_by_one(begun):
    campaign, _, jobs = begun
    assert campaign.live == 2
    for place in range(len(jobs)):
        assert not campaign.report("array", row(1), place)
    for place in range(len(jobs)):
        assert campaign.report("array", row(2, status="complete"), place)
        assert campaign.report("array", row(3), place)  # it is over
    assert campaign.live == 1


def test_a_lost_worker_counts_once_and_its_trials_are_then_trained_alone(begun):
    campaign, events, jobs = begun
    campaign.lose("defaults", "power")
    for place in range(len(jobs)):
        campaign.report("array", row(1), place)
    campaign.report("array", row(2, status="complete"), 0)
    campaign.lose("array", "power")
    assert sum(isinstance(event, AttemptLost) for event in events) == len(jobs)  # the defaults, and all but one
    again = [campaign.next_jobs(f"again {index}", 1) for index in range(len(jobs))]
    assert [len(found) for found in again] == [1] * len(jobs)
    assert [found[0].number for found in again] == [0, *(job.number for job in jobs[1:])]
    assert again[1][0].checkpoint == "epoch-1"


def test_after_the_driver_died_those_that_are_as_far_are_an_array_again(begun):
    campaign, events, jobs = begun
    campaign.report("defaults", row(1))
    for epoch in (1, 2):
        for place in range(len(jobs)):
            campaign.report("array", row(epoch), place)
    campaign.report("array", row(3), 0)  # and the driver dies
    resumed = Campaign(campaign.plan, events=events)
    tickets = [[job.number for job in resumed.next_jobs(f"again {index}", 1)] for index in range(3)]
    assert tickets == [[0], [jobs[0].number], [job.number for job in jobs[1:]]]


def test_methods_whose_models_cannot_join_are_trained_alone():
    for methods in (["mtl"], ["svr"]):
        arrays = arrays_of(Simulation(small_plan(methods=methods, trials=10, fuse="4")), slots=1)
        assert {len(jobs) for jobs in arrays} == {1}


def test_a_plan_says_how_many_may_be_fused():
    for good in ("auto", "off", "1", "16"):
        SearchSettings(fuse=good)
    for bad in ("0", "-1", "2.5", "many", ""):
        with pytest.raises(InputDataError, match="a number of trials, auto or off"):
            SearchSettings(fuse=bad)


def test_what_is_asked_is_recorded_before_the_next_is_asked(begun):
    _, events, jobs = begun
    asked = [event.number for event in events if isinstance(event, TrialAsked)]
    assert asked == [0, *(job.number for job in jobs)]


def test_to_the_sampler_an_array_is_one_trial_with_the_result_of_its_best(simulation, arrays):
    study = simulation.campaign.studies["hv_from_ds.random.stl"]
    mirror, plain = OptunaMirror(arrays_as_one=True), OptunaMirror()
    for known in (mirror, plain):
        known.follow(study.searched)
    states = [trial.state for trial in plain.study.trials]
    assert TrialState.FAIL not in states
    members = {number: [trial for trial in study.searched if trial.array == number] for number in range(40)}
    several = {number: [study.trials[number], *found] for number, found in members.items() if found}
    assert several
    for trials in several.values():
        shown = [mirror.study.trials[trial.number] for trial in trials]
        (best,) = [trial for trial in shown if trial.state != TrialState.FAIL]
        complete = [trial.value for trial in trials if trial.state == "complete"]
        assert best.value == min(complete or [min(trial.curve.values()) for trial in trials])


def test_it_follows_an_array_step_by_step_to_the_same_study(simulation, arrays):
    """A trial of an array is running until the last of it has ended."""
    name, events = "hv_from_ds.random.stl", simulation.events
    followed = OptunaMirror(arrays_as_one=True)
    campaign = Campaign(simulation.campaign.plan)
    seen_waiting = 0
    for event in events:
        campaign._apply(event)
        if not isinstance(event, TrialAsked | TrialEnded):
            continue
        followed.follow(campaign.studies[name].searched)
        seen_waiting += any(
            trial.state != "running" and followed.study.trials[trial.number].state == TrialState.RUNNING
            for trial in campaign.studies[name].searched
        )
    assert seen_waiting
    at_once = OptunaMirror(arrays_as_one=True)
    at_once.follow(campaign.studies[name].searched)
    assert [(t.state, t.value, t.params) for t in followed.study.trials] == [
        (t.state, t.value, t.params) for t in at_once.study.trials
    ]
