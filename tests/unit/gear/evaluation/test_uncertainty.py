"""The bootstrap over molecules, held against what is known of it."""

import numpy as np
import pytest

from gear.evaluation import uncertainty
from gear.evaluation.uncertainty import difference, interval, mae, rmse, spread


def normal(count, seed, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(count)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """Of 200 samples of 100 errors with RMSE 1: 95 % expected, 3 standard deviations of that allowed, and a few per
    cent for the percentile interval, which is known to be short on small samples."""
    covered = [
        (found := interval(normal(100, seed), rmse, resamples=400)).low <= 1 <= found.high for seed in range(200)
    ]
    assert 0.87 <= np.mean(covered) <= 0.99


def test_interval_narrows_with_the_root_of_the_number_of_molecules():
    few, many = (interval(normal(count, 0), rmse) for count in (100, 10_000))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("statistic", [rmse, mae])
def test_value_is_that_of_the_errors_and_lies_inside(statistic):
    errors = normal(50, 1)
    found = interval(errors, statistic)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(float(statistic(errors)))


def test_errors_that_are_all_equal_leave_no_doubt():
    assert interval(np.full(7, -2.0), mae) == uncertainty.Interval(2.0, 2.0, 2.0)
    assert interval(np.array([3.0]), rmse) == uncertainty.Interval(3.0, 3.0, 3.0)


def test_seed_decides_and_the_size_of_blocks_does_not(monkeypatch):
    errors = normal(40, 2)
    found = interval(errors, rmse, seed=5)
    assert interval(errors, rmse, seed=5) == found != interval(errors, rmse, seed=6)
    monkeypatch.setattr(uncertainty, "BLOCK", 1000)
    assert interval(errors, rmse, seed=5) == found


def test_pairing_sees_a_small_difference_that_intervals_alone_do_not():
    hard = np.abs(normal(300, 3)) * normal(300, 4)
    better, worse = hard, 1.1 * hard + normal(300, 5, 0.02)
    found = difference(better, worse)
    assert found.ratio.high < 1
    assert found.p_value < 0.01
    assert interval(better, rmse).high > interval(worse, rmse).low


def test_equal_models_do_not_differ():
    errors = normal(100, 6)
    assert difference(errors, errors).ratio == uncertainty.Interval(1.0, 1.0, 1.0)
    assert difference(errors, errors).p_value == 1
    unrelated = difference(errors, np.random.default_rng(7).permutation(errors))
    assert unrelated.ratio.low < 1 < unrelated.ratio.high
    assert unrelated.p_value > 0.3


def test_turning_the_comparison_round_turns_the_ratio_round():
    a, b = normal(80, 8), normal(80, 9, 1.3)
    there, back = difference(a, b), difference(b, a)
    assert there.p_value == back.p_value
    assert there.ratio.low == pytest.approx(1 / back.ratio.high, rel=1e-3)


def test_p_values_of_equal_models_are_spread_evenly():
    """A tenth of 200 comparisons of equally good models falls below 0.1, within 3 standard deviations."""
    found = [difference(normal(60, seed), normal(60, seed + 10_000), resamples=300).p_value for seed in range(200)]
    assert 0.03 <= np.mean(np.array(found) < 0.1) <= 0.18


def test_spread_is_over_the_members():
    np.testing.assert_allclose(spread(np.array([[1.0, 2.0], [3.0, 2.0]])), [np.sqrt(2), 0])
    assert np.isnan(spread(np.array([[1.0, 2.0]]))).all()


def test_spread_counts_members_by_their_weights():
    """A member with weight 2/4 spreads as two members with 1/4 each would, but for the smaller divisor."""
    predictions, weights = np.array([[1.0], [3.0], [4.0]]), np.array([0.5, 0.25, 0.25])
    mean = weights @ predictions
    squares = weights @ (predictions - mean) ** 2
    np.testing.assert_allclose(spread(predictions, weights), np.sqrt(squares / (1 - 0.375)))
    equal = np.full(3, 1 / 3)
    np.testing.assert_allclose(spread(predictions, equal), predictions.std(axis=0, ddof=1))


def test_errors_of_one_molecule_are_no_independent_evidence():
    """Ten errors that are all alike tell as much as one: without their molecules the interval would be too narrow."""
    errors = normal(60, 7)
    molecules = np.array([f"C{k}" for k in range(60)], object).repeat(10)
    one, alike = interval(errors, rmse), interval(errors.repeat(10), rmse, molecules=molecules)
    naive = interval(errors.repeat(10), rmse)
    assert alike.value == pytest.approx(one.value)
    assert alike.high - alike.low == pytest.approx(one.high - one.low, rel=0.1)
    assert naive.high - naive.low < 0.5 * (alike.high - alike.low)
    compared = difference(errors.repeat(10), errors[::-1].repeat(10), molecules=molecules)
    assert compared.ratio.value == pytest.approx(1)
    assert compared.ratio.high == pytest.approx(difference(errors, errors[::-1]).ratio.high, rel=0.1)


def test_molecules_with_one_error_each_change_nothing():
    errors = normal(30, 8)
    assert interval(errors, rmse, molecules=np.arange(30)) == interval(errors, rmse)
