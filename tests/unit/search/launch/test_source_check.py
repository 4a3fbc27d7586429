"""A pair is probed before a campaign starts, unless its source was chosen by such a probe just now."""

import argparse

import pytest

from gear.config import PairSpec, TaskSpec
from gear.evaluation import source_ranking
from search.cli.source_choice import chosen_for
from search.launch.source_check import say_doubtful_sources
from tests.support.fake_training import small_plan

OWN = PairSpec(TaskSpec("mine", file="/data/mine.csv", column="mine"), (TaskSpec("hv"),))
BUILT_IN = PairSpec(TaskSpec("hv"), (TaskSpec("ds"),))


def flags(**given):
    known = {"target_data": "mine.csv", "source_data": None, "source_property": None}
    return argparse.Namespace(**known | given)


@pytest.fixture
def probed(monkeypatch):
    """Lists the targets that were probed; nothing helps."""
    asked = []
    helpless = argparse.Namespace(may_help=False)

    def rank(target, *_):
        asked.append(target.property)
        return [helpless]

    monkeypatch.setattr(source_ranking, "rank_sources", rank)
    monkeypatch.setattr(source_ranking, "expectation", lambda _: "no gain")
    return asked


def test_a_source_that_was_chosen_just_now_is_not_probed_again(probed):
    plan, said = small_plan(), []
    object.__setattr__(plan, "pairs", (OWN, BUILT_IN))
    say_doubtful_sources(plan, chosen_for(plan.pairs, flags()), said.append)
    assert probed == ["hv"]
    assert [line.partition(":")[0] for line in said] == [BUILT_IN.id]
    say_doubtful_sources(plan, (), said.append)
    assert probed == ["hv", "mine", "hv"]


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({}, True),
        ({"source_property": ["auto"]}, True),
        ({"source_property": ["hv"]}, False),
        ({"source_data": ["other.csv"]}, False),
        ({"target_data": None}, False),
    ],
)
def test_a_source_is_chosen_where_none_is_named(given, chosen):
    assert chosen_for([OWN, BUILT_IN], flags(**given)) == ((OWN.id,) if chosen else ())
