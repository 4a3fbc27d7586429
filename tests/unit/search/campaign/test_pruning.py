"""The rule that stops a trial is that of Ray's ASHA scheduler, once enough trials have reached a rung."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler

from search.campaign.pruning import milestones, quantile, stops

EPOCHS, GRACE, FACTOR = 20, 2, 3


def test_rungs_start_at_the_grace_period_and_grow_by_the_factor():
    assert milestones(4, 1, 3, 20) == (4, 12)
    assert milestones(100, 25, 3, 20) == (4, 12)
    assert milestones(101, 25, 3, 100) == (5, 15, 45)
    assert milestones(750, 25, 3, 20) == ()


@pytest.mark.parametrize("rung", [[], [0.1]])
def test_nobody_is_stopped_at_a_rung_that_too_few_have_reached(rung):
    assert not stops(99.0, rung, 3)
    assert stops(99.0, [0.1, 0.2], 3)


def test_the_best_third_goes_on():
    rung = [0.1, 0.2, 0.3, 0.4]
    assert not stops(0.15, rung, 3)
    assert stops(0.25, rung, 3)


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
    rungs = milestones(GRACE, 1, FACTOR, EPOCHS)
    recorded = {name: {} for name in range(len(curves))}
    going = dict.fromkeys(recorded, 0)
    for name in going:
        asha.on_trial_add(None, SimpleNamespace(trial_id=name))
    while going:
        name = order.choice(sorted(going))
        going[name] += 1
        epoch, value = going[name], curves[name][::-1][going[name] - 1]
        rung = sorted(curve[epoch] for curve in recorded.values() if epoch in curve)
        ours = epoch in rungs and stops(value, rung, FACTOR)
        recorded[name][epoch] = value
        theirs = asha.on_trial_result(None, SimpleNamespace(trial_id=name), {"epoch": epoch, "rmse": value}) == "STOP"
        assert ours == (theirs and len(rung) + 1 >= FACTOR)
        if theirs or epoch == EPOCHS:
            del going[name]
