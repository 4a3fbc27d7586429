"""Halving decides as Ray's ASHA scheduler, once enough trials have reached a rung; other pruners have its interface."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler

from gear.config import TrainingConfig
from gear.errors import InputDataError, UnknownNameError
from search.campaign.campaign import Campaign
from search.campaign.events import TrialEnded
from search.campaign.pruning import PRUNERS, TrialProgress, find_pruner, halving, median, milestones, quantile
from tests.support.fake_training import Simulation, small_plan

EPOCHS, GRACE, FACTOR = 20, 2, 3


def progress(value, rung, epoch=2, **more):
    """A trial after an epoch, by default at the first rung."""
    given = {"number": len(rung), "curves": {}, "grace_epochs": GRACE, "epochs": EPOCHS, "reduction_factor": FACTOR}
    return TrialProgress(epoch=epoch, value=value, rung=sorted(rung), **(given | more))


def test_rungs_start_at_the_grace_period_and_grow_by_the_factor():
    assert milestones(4, 3, 20) == (4, 12)
    assert milestones(5, 3, 100) == (5, 15, 45)
    assert milestones(30, 3, 20) == ()


@pytest.mark.parametrize(("steps", "epochs"), [(4, 1), (100, 4), (101, 5)])
def test_the_grace_period_is_counted_in_steps(steps, epochs):
    assert TrainingConfig().epoch_steps == 25
    assert small_plan(grace_steps=steps).grace_epochs == epochs


@pytest.mark.parametrize("pruner", [halving, median])
@pytest.mark.parametrize("rung", [[], [0.1]])
def test_no_trial_is_stopped_at_a_rung_that_too_few_have_reached(pruner, rung):
    assert pruner(progress(99.0, rung)) == ""
    assert pruner(progress(99.0, [0.1, 0.2])) != ""


def test_halving_lets_the_best_third_go_on_and_compares_at_milestones_only():
    rung = [0.1, 0.2, 0.3, 0.4]
    assert halving(progress(0.15, rung)) == ""
    assert halving(progress(0.25, rung)) == "outside the best 1/3 at epoch 2"
    assert [epoch for epoch in range(GRACE, EPOCHS) if halving(progress(9.0, rung, epoch))] == [2, 6, 18]


def test_the_median_rule_stops_the_worse_half_after_any_epoch():
    rung = [0.1, 0.2, 0.3, 0.4]
    assert median(progress(0.24, rung, 5)) == ""
    assert median(progress(0.26, rung, 5)) == "worse than the median at epoch 5"


@settings(deadline=None)
@given(values=st.lists(st.floats(0, 10), min_size=1, max_size=9).map(sorted), share=st.floats(0, 1))
def test_a_share_of_values_is_numpys(values, share):
    assert quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-12, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    curves=st.lists(st.lists(st.floats(0, 10), min_size=EPOCHS, max_size=EPOCHS).map(sorted), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_it_decides_as_rays_asha_does(curves, order):
    asha = ASHAScheduler(
        time_attr="epoch",
        metric="rmse",
        mode="min",
        max_t=EPOCHS,
        grace_period=GRACE,
        reduction_factor=FACTOR,
        stop_last_trials=False,
    )
    recorded = {name: {} for name in range(len(curves))}
    going = dict.fromkeys(recorded, 0)
    for name in going:
        asha.on_trial_add(None, SimpleNamespace(trial_id=name))
    while going:
        name = order.choice(sorted(going))
        going[name] += 1
        epoch, value = going[name], curves[name][::-1][going[name] - 1]
        rung = sorted(curve[epoch] for curve in recorded.values() if epoch in curve)
        ours = bool(halving(progress(value, rung, epoch)))
        recorded[name][epoch] = value
        theirs = asha.on_trial_result(None, SimpleNamespace(trial_id=name), {"epoch": epoch, "rmse": value}) == "STOP"
        assert ours == (theirs and len(rung) + 1 >= FACTOR)
        if theirs or epoch == EPOCHS:
            del going[name]


def pruned(**search):
    plan = small_plan(trials=10, methods=["stl"], sampler="random", **search)
    (study,) = Simulation(plan).run().campaign.studies.values()
    return [trial for trial in study.trials if trial.state == "pruned"]


@pytest.mark.parametrize("name", PRUNERS)
def test_a_campaign_stops_trials_by_the_pruner_of_its_settings(name):
    stopped = pruned(pruner=name, grace_period=3)
    assert all(trial.epoch >= 3 for trial in stopped)
    reasons = {"halving": "outside the best", "median": "worse than the median"}
    assert bool(stopped) == (name in reasons)
    assert all(trial.reason.startswith(reasons[name]) for trial in stopped)


OWN = """
def stop(trial):
    assert trial.rung == sorted(
        curve[trial.epoch] for number, curve in trial.curves.items() if trial.epoch in curve and number != trial.number
    )
    assert trial.epoch - 1 == len(trial.curves[trial.number])
    return "late" if trial.epoch == 5 and trial.number % 2 else ""
"""


def test_a_users_pruner_sees_the_recorded_curves_and_not_before_the_grace_period(module):
    assert {(trial.number, trial.epoch, trial.reason) for trial in pruned(pruner=f"{module(OWN)}:stop")} == {
        (number, 5, "late") for number in range(1, 10, 2)
    }
    assert pruned(pruner=f"{module(OWN)}:stop", grace_period=6) == []


def ends(simulation):
    return [event for event in simulation.events if isinstance(event, TrialEnded)]


def test_a_campaign_rebuilt_from_its_events_stops_what_it_would_have_stopped(module):
    plan = small_plan(trials=10, methods=["stl"], sampler="random", pruner=f"{module(OWN)}:stop")
    whole = ends(Simulation(plan, slots=1).run())
    assert {end.state for end in whole} == {"complete", "pruned"}
    for turns in (3, 10, 33):
        cut = Simulation(plan, slots=1).run(turns)
        assert ends(Simulation(plan, cut.steps, slots=1).run()) == whole


def test_a_campaign_is_read_where_its_pruner_is_not_at_hand(module):
    plan = small_plan(pruner="nowhere_to_be_found:stop", sampler="nowhere_to_be_found:make")
    events = Simulation(small_plan()).run().events
    rebuilt = Campaign(plan, events=events)
    assert sum(study.ended for study in rebuilt.studies.values()) == sum(isinstance(e, TrialEnded) for e in events)


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "stop", "has no 'stop'"),
        ("stop = 3", "stop", "is int, not a function"),
        ("class Stop: pass", "Stop", "is a class, not a function"),
    ],
)
def test_what_is_no_pruner_is_named_in_a_line(module, text, name, says):
    with pytest.raises(InputDataError, match=f"pruner .*:{name}.*{says}"):
        find_pruner(f"{module(text)}:{name}")


def test_an_unknown_pruner_is_told_what_there_is():
    with pytest.raises(
        UnknownNameError, match="unknown pruner 'asha'; known: halving, median, none, my_module:my_pruner"
    ):
        find_pruner("asha")


def test_a_pruner_that_gives_no_text_is_named(module):
    find = find_pruner(f"{module('def stop(trial): return True')}:stop")
    with pytest.raises(InputDataError, match=r"pruner .*:stop gave True: it must give a reason"):
        find(progress(1.0, []))
