"""What mattered in a search."""

import math

from search.campaign.importance import importances
from search.campaign.proposer import Proposer
from search.campaign.study import Study, Trial
from tests.support.fake_training import small_plan


def searched(count, value, state="complete"):
    """Trials that chance chose, with values of a formula."""
    plan = small_plan(methods=["gear"], sampler="random")
    proposer, study = Proposer("gear", plan.config, plan.search), Study(plan.studies[0], count, 0)
    for number in range(count):
        found = proposer.propose(study)
        best = value(found.params)
        own = (found.params, found.distributions, {})
        study.searched.append(Trial(study.name, number, *own, curve={1: best}, epoch=1, state=state, value=best))
    return study.searched


def test_what_decides_the_value_comes_first_and_shares_add_up():
    found = importances(searched(60, lambda params: abs(math.log(params["training.learning_rate"] / 2e-3))))
    assert next(iter(found)) == "training.learning_rate"
    assert math.isclose(sum(found.values()), 1.0)


def test_few_complete_trials_say_nothing():
    assert importances(searched(9, lambda _: 1.0)) == {}
    assert importances(searched(30, lambda _: 1.0, "pruned")) == {}
    assert importances([]) == {}


def test_equal_values_are_no_error():
    assert importances(searched(12, lambda _: 1.0)) is not None
