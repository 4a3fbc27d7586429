"""Means of ratios over pairs, their errors and tests."""

import math
import statistics
from types import SimpleNamespace

import pytest
from results.ratios import holm, ratio, signed_rank


def judged(method, pair, error, seed=0):
    return SimpleNamespace(method=method, cell=(pair, seed, "hash"), error=error)


def compared(logs, seeds=1):
    """Two methods whose errors have these logarithms of their ratio, by pair."""
    rows = [judged("a", pair, 2 * math.exp(log), seed) for seed in range(seeds) for pair, log in logs.items()]
    rows += [judged("b", pair, 2.0, seed) for seed in range(seeds) for pair in logs]
    return ratio(rows, "a", "b", lambda row: row.error)


LOGS = {"u_from_x": -0.3, "v_from_x": 0.1, "w_from_x": -0.2, "y_from_x": -0.4}


def test_the_mean_is_geometric_and_its_error_that_of_independent_pairs():
    found = compared(LOGS)
    assert found.mean == pytest.approx(math.exp(-0.2))
    assert found.error == pytest.approx(statistics.stdev(LOGS.values()) / 2)
    assert (found.lower, found.cells, found.pairs) == (3, 4, 4)
    assert found.low < found.mean < found.high
    reach = 3.182 * found.error  # Student's t with three degrees of freedom
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((-0.2 - reach, -0.2 + reach), abs=1e-3)


def test_seeds_of_a_pair_are_no_further_evidence():
    once, thrice = compared(LOGS), compared(LOGS, seeds=3)
    assert (thrice.mean, thrice.error, thrice.p_value) == pytest.approx((once.mean, once.error, once.p_value))
    assert thrice.cells == 12


def test_pairs_of_one_target_are_one_cluster():
    """Two sources that always agree are worth one."""
    doubled = {pair.replace("_x", source): log for pair, log in LOGS.items() for source in ("_x", "_z")}
    once, twice = compared(LOGS), compared(doubled)
    assert twice.pairs == 8
    assert (twice.mean, twice.error, twice.p_value) == pytest.approx((once.mean, once.error, once.p_value))


def test_only_cells_that_both_have_count():
    rows = [judged("a", "u_from_x", 1.0), judged("b", "u_from_x", 2.0), judged("a", "v_from_x", 9.0)]
    found = ratio(rows, "a", "b", lambda row: row.error)
    assert (found.mean, found.cells) == (pytest.approx(0.5), 1)
    assert math.isnan(found.error)
    assert found.change == "−50.0 %"
    assert ratio(rows, "a", "c", lambda row: row.error) is None


def test_a_change_is_shown_in_per_cent_with_its_interval():
    assert compared({f"{t}_from_x": math.log(0.9) for t in "uvw"}).change == "−10.0 % (−10.0 to −10.0)"


def test_the_test_is_wilcoxons():
    assert signed_rank([-1.0, -2.0, -3.0, -4.0, -5.0]) == pytest.approx(2 / 2**5)
    assert signed_rank([0.0, 0.0]) == 1.0
    assert math.isnan(signed_rank([0.3]))


def test_holm_multiplies_the_smallest_by_the_most_and_keeps_the_order():
    found = holm([0.01, 0.04, math.nan, 0.03])
    assert [found[k] for k in (0, 1, 3)] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(found[2])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
