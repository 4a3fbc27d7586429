"""Which trials of a large study are drawn."""

import itertools
from dataclasses import replace

import pytest

from tests.support.fake_records import study, trial
from tracking.report.drawing import Line
from tracking.report.setting_charts import parallel_chart
from tracking.report.study_charts import curves_chart
from tracking.report.thinning import FEWEST, IN_ALL, MOST, room, thinned


def trials(count):
    return [
        trial(n, 1 - ((7 * n) % count) / (2 * count), ("complete", "pruned")[n % 2], x=n, y=-n) for n in range(count)
    ]


def test_a_small_study_is_drawn_whole():
    some = trials(MOST)
    assert thinned(some, some[0], MOST) == some


@pytest.mark.parametrize("count", [201, 625, 10_000])
def test_of_a_large_one_the_winner_is_drawn_and_others_evenly_by_value(count):
    some = trials(count)
    order = sorted(some, key=lambda trial: trial.value)
    place = {trial.number: rank for rank, trial in enumerate(order)}
    for winner in (order[0], order[1], order[count // 2 + 1]):
        found = thinned(some, winner, MOST)
        assert len(found) == MOST
        assert winner in found
        assert order[0] in found
        ranks = sorted(place[trial.number] for trial in found)
        assert max(b - a for a, b in itertools.pairwise(ranks)) <= 2 * count / MOST + 1
        assert [trial.number for trial in found] == sorted(trial.number for trial in found)


def test_trials_without_a_value_come_last():
    some = [*trials(300), *(replace(trial(n, state="failed"), value=None) for n in range(300, 320))]
    found = thinned(some, None, 100)
    assert found[-1].number == 319
    assert 4 <= sum(trial.state == "failed" for trial in found) <= 8


def test_all_charts_together_have_a_limit():
    assert [room(studies) for studies in (0, 1, 40, 80, 10_000)] == [MOST, MOST, MOST, IN_ALL // 80, FEWEST]


def test_what_is_left_out_is_said():
    whole = study(trials(300))
    chart = parallel_chart("name", whole, 50)
    assert chart.title.endswith(", 50 of 300 trials: the winner, and others evenly by validation RMSE")
    assert sum(mark.label.startswith("trial ") for mark in chart.marks if isinstance(mark, Line)) == 50
    assert "of 10 trials" not in parallel_chart("name", study(trials(10)), 50).title
    assert ", 300 of 900 trials: " in curves_chart("name", replace(whole, curves=900), 50).title
