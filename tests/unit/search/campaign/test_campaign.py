"""A campaign meets its budget, and is what its events say, wherever they were cut off."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gear.errors import GearError
from gear.results import STATES
from search.campaign.campaign import Campaign
from search.campaign.events import EpochReported, StudyFinished, TrialAsked, TrialEnded
from search.campaign.optuna_mirror import OptunaMirror
from search.campaign.trial_report import TrialReport
from tests.support.fake_training import BrokenRun, FakeEpoch, FakeRun, Simulation, small_plan


@pytest.fixture(scope="module")
def finished():
    return Simulation(small_plan()).run()


def ends(events):
    return [event for event in events if isinstance(event, TrialEnded)]


class FailsSometimes(FakeRun):
    """Every third trial of a study diverges in its second epoch."""

    def result(self, status, reason):
        diverges = self.epoch == 2 and self.spec.config.seed % 3 == 0
        return FakeEpoch(self.epoch, math.nan) if diverges else super().result(status, reason)


def test_every_study_gets_exactly_its_budget_and_every_trial_ends_once(finished):
    assert finished.campaign.done
    assert Counter(end.study for end in ends(finished.events)) == {
        "hv_from_ds.random.gear": 8,
        "hv_from_ds.random.stl": 8,
    }
    assert len({(end.study, end.number) for end in ends(finished.events)}) == 16


def test_some_trials_are_pruned_and_the_best_is_complete(finished):
    for study in finished.campaign.studies.values():
        assert study.count("pruned") > 0
        assert study.best.state == "complete"
        assert study.best.value == min(trial.value for trial in study.trials if trial.state == "complete")


@pytest.mark.parametrize("turns", [7, 40, 10_000])
def test_what_a_study_keeps_at_hand_is_what_its_trials_say(turns):
    simulation = Simulation(small_plan(trials=12, replacements=3), factory=FailsSometimes).run(turns)
    for study in simulation.campaign.studies.values():
        ended = [trial for trial in study.trials if trial.state != "running"]
        complete = [trial for trial in ended if trial.state == "complete"]
        assert [*study.running.values()] == [trial for trial in study.trials if trial.state == "running"]
        assert {state: study.count(state) for state in STATES} == {
            state: sum(trial.state == state for trial in ended) for state in STATES
        }
        assert study.ranking == sorted(complete, key=lambda trial: (trial.value, trial.number))
        assert study.curves == {trial.number: trial.curve for trial in study.trials}
        assert study.rungs == {
            epoch: sorted(trial.curve[epoch] for trial in study.trials if epoch in trial.curve)
            for epoch in {epoch for trial in study.trials for epoch in trial.curve}
        }


def test_the_first_trial_of_a_study_is_the_plans_own_configuration(finished):
    base = finished.campaign.plan.config
    for name, study in finished.campaign.studies.items():
        config = finished.campaign.spec(name, 0).config
        assert (config.weights, config.training) == (base.weights, base.training)
        assert config.method == study.plan.method


def test_seeds_differ_between_trials_and_follow_from_the_campaigns_seed(finished):
    seeds = [event.config["seed"] for event in finished.events if isinstance(event, TrialAsked)]
    assert len(set(seeds)) == len(seeds)
    again = Simulation(small_plan()).run()
    assert [e.config for e in again.events if isinstance(e, TrialAsked)] == [
        e.config for e in finished.events if isinstance(e, TrialAsked)
    ]
    other = Simulation(small_plan(seed=1)).run()
    assert other.events[0].config["seed"] != finished.events[0].config["seed"]


def test_a_failed_trial_is_replaced():
    campaign = Simulation(small_plan(trials=10, replacements=20), factory=FailsSometimes).run().campaign
    for study in campaign.studies.values():
        assert study.count("failed") > 0
        assert study.count("complete") + study.count("pruned") == 10


def test_replacement_has_a_limit():
    campaign = Simulation(small_plan(trials=20, replacements=2), factory=FailsSometimes).run().campaign
    for study in campaign.studies.values():
        assert study.count("failed") > 2
        assert len(study.trials) == 22


@pytest.mark.parametrize(("replacements", "failures"), [(0, 4), (2, 4), (6, 7)])
def test_a_study_of_nothing_but_failures_is_given_up(replacements, failures):
    plan = small_plan(trials=40, replacements=replacements, methods=["stl"])
    campaign = Simulation(plan, factory=BrokenRun, slots=1).run().campaign
    (study,) = campaign.studies.values()
    assert campaign.done
    assert study.given_up
    assert study.count("failed") == len(study.trials) == failures
    assert "CUDA out of memory" in study.trials[0].reason


def test_a_trial_whose_validation_is_not_a_number_fails_and_says_when():
    campaign = Simulation(small_plan(trials=10, replacements=0), factory=FailsSometimes).run().campaign
    failed = [t for study in campaign.studies.values() for t in study.trials if t.state == "failed"]
    assert {trial.reason for trial in failed} == {"validation RMSE is nan at epoch 2"}


def test_optuna_sees_the_states_as_they_are():
    campaign = Simulation(small_plan(trials=10), factory=FailsSometimes).run().campaign
    for study in campaign.studies.values():
        record = OptunaMirror()
        record.follow(study.trials)
        seen = record.study.trials
        states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
        assert [trial.state.name for trial in seen] == [states[trial.state] for trial in study.trials]
        for trial, shown in zip(study.trials, seen, strict=True):
            assert shown.intermediate_values == trial.curve
            if trial.state != "failed":
                assert shown.value == pytest.approx(trial.value)
            assert shown.params == trial.params


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0, 1))
def test_a_campaign_rebuilt_from_any_prefix_is_the_campaign_that_wrote_it(finished, share):
    cut = int(share * len(finished.events))
    rebuilt = Campaign(finished.campaign.plan, events=finished.events[:cut])
    again = Campaign(finished.campaign.plan)
    for event in finished.events[:cut]:
        again._record(event)
    assert rebuilt.studies == again.studies
    assert rebuilt.next_job("x") == again.next_job("x")


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0, 1))
def test_a_campaign_interrupted_anywhere_ends_with_its_budget_and_nothing_done_twice(finished, share):
    steps = finished.steps[: int(share * len(finished.steps))]
    ended = ends(event for step in steps for event in step)
    resumed = Simulation(finished.campaign.plan, steps).run()
    assert resumed.campaign.done
    assert ends(resumed.events)[: len(ended)] == ended
    assert Counter(end.study for end in ends(resumed.events)) == Counter(end.study for end in ends(finished.events))
    assert not {(job.study, job.number) for job in resumed.jobs} & {(end.study, end.number) for end in ended}


def test_with_one_slot_an_interruption_changes_nothing():
    whole = Simulation(small_plan(), slots=1).run()
    cut = next(i for i, (event, *_) in enumerate(whole.steps) if isinstance(event, EpochReported) and event.epoch == 2)
    resumed = Simulation(small_plan(), whole.steps[: cut + 1], slots=1).run()
    assert ends(resumed.events) == ends(whole.events)


def test_an_interrupted_trial_comes_first_with_its_configuration_and_checkpoint():
    first = Simulation(small_plan(), slots=1).run(turns=3)
    job = Campaign(small_plan(), events=first.events).next_job("x")
    assert (job.study, job.number, job.attempt) == (first.jobs[0].study, 0, 1)
    assert job.spec == first.jobs[0].spec
    assert job.checkpoint.endswith("epoch-3")


def test_a_trial_is_not_judged_twice_at_a_rung():
    plan = small_plan(methods=["stl"], epochs=9)
    events = Simulation(plan, slots=1).run().events
    survivor = next(end for end in ends(events) if end.state == "complete")
    cut = events.index(survivor)
    campaign = Campaign(plan, events=events[:cut])
    campaign.next_job("again")
    worst = TrialReport("running", epoch=2, metrics={"best_validation_rmse": 99.0})
    assert campaign.report("again", worst) is False


def test_a_lost_worker_is_replaced_until_the_attempts_are_used_up():
    campaign = Campaign(small_plan(attempts=3))
    numbers = []
    for ticket in ("a", "b", "c"):
        job = campaign.next_job(ticket)
        numbers.append((job.study, job.number, job.attempt))
        campaign.lose(ticket, "node gone")
    assert numbers == [(job.study, 0, 0), (job.study, 0, 1), (job.study, 0, 2)]
    trial = campaign.studies[job.study].trials[0]
    assert (trial.state, trial.reason) == ("failed", "3 workers died while they trained it: node gone")


def test_workers_that_all_die_at_once_stop_the_campaign_instead_of_its_budget():
    campaign = Campaign(small_plan(attempts=100))

    def lose_all():
        for ticket in range(100):
            campaign.next_job(str(ticket))
            campaign.lose(str(ticket), "no module torch")

    with pytest.raises(GearError, match="6 workers in a row died before any finished an epoch: no module torch"):
        lose_all()


def test_a_driver_that_dies_uses_up_no_attempt():
    events = []
    for launch in range(5):
        campaign = Campaign(small_plan(attempts=2), lambda *new: events.extend(new), list(events))
        assert campaign.next_job("x").attempt == launch
    assert campaign.studies["hv_from_ds.random.gear"].trials[0].state == "running"


def test_a_result_of_an_attempt_that_was_given_up_is_ignored():
    campaign = Campaign(small_plan())
    campaign.next_job("old")
    campaign.lose("old", "node gone")
    assert campaign.report("old", TrialReport("complete", epoch=9, metrics={"best_validation_rmse": 0.1})) is True
    assert campaign.studies["hv_from_ds.random.gear"].count("complete") == 0


def test_studies_share_the_slots():
    simulation = Simulation(small_plan(trials=20, splits=("random", "scaffold")), slots=8)
    simulation.fill()
    assert set(Counter(job.study for job in simulation.jobs).values()) == {2}


def test_no_slot_idles_while_a_study_has_trials_left():
    simulation = Simulation(small_plan(trials=8, methods=["stl"]), slots=6)
    simulation.fill()
    assert len(simulation.running) == 6


def test_a_larger_budget_extends_without_redoing_anything(finished):
    extended = Simulation(small_plan(trials=11), finished.steps).run()
    assert extended.events[: len(finished.events)] == finished.events
    assert {job.number for job in extended.jobs} == {8, 9, 10}
    assert extended.campaign.done


def test_an_evaluation_of_the_winner_is_remembered(finished):
    event = StudyFinished("hv_from_ds.random.gear", 3, 0.4, 1, {"rmse": 0.5})
    campaign = Campaign(small_plan(), events=[*finished.events, event])
    assert campaign.studies[event.study].finished == [event]


def test_the_study_with_the_longest_work_left_goes_first():
    campaign = Campaign(small_plan(trials=3, methods=["gear", "stl"]))
    seconds = {"gear": 10.0, "stl": 1.0}
    order = []
    while (job := campaign.next_job("slot")) is not None:
        method = job.study.split(".")[-1]
        order.append(method)
        metrics = {"best_validation_rmse": 0.5, "seconds": seconds[method]}
        campaign.report("slot", TrialReport("complete", epoch=1, metrics=metrics))
    assert order == ["gear", "stl", "gear", "gear", "stl", "stl"]
