"""What a resumed campaign may change."""

import pytest

from gear.errors import InputDataError
from search import make_plan
from search.plan.extension import extended_plan

PLAN = make_plan(["ct_from_bp"], ["random-n60"], ["stl"], trials=8, seed=3)


def test_a_campaign_can_grow():
    plan = extended_plan(PLAN, {"trials": 20, "final": "refit"})
    assert (plan.search.trials, plan.search.final, plan.search.seed) == (20, "refit", 3)


def test_a_setting_at_its_recorded_value_changes_nothing():
    assert extended_plan(PLAN, {"seed": 3, "trials": 8}) == PLAN


@pytest.mark.parametrize(("changes", "says"), [({"seed": 4}, "seed cannot change"), ({"trials": 4}, "can only grow")])
def test_anything_else_is_refused(changes, says):
    with pytest.raises(InputDataError, match=says):
        extended_plan(PLAN, changes)
