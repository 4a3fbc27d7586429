"""Prediction intervals: as often right as they say, exactly where that can be computed."""

import numpy as np
import pytest

from gear.errors import InputDataError
from gear.evaluation.conformal import (
    LEVELS,
    Calibration,
    Coverage,
    coverage_numbers,
    measure_coverage,
    recorded_coverage,
)


def molecules(count, generator, repeats=1):
    """True values, predictions and similarities, whose errors grow as the similarity falls."""
    similarity = generator.uniform(0.1, 1.0, (repeats, count))
    value = generator.normal(50, 10, (repeats, count))
    error = generator.standard_t(3, (repeats, count)) * np.exp(2 * (1 - similarity))
    return value, value + error, similarity


@pytest.mark.parametrize("count", [9, 12, 48, 200])
@pytest.mark.parametrize("level", [50, 80, 90])
def test_intervals_hold_as_many_values_as_the_rank_of_their_score_says(count, level):
    """In the mean over calibrations, exactly ceil(level (n + 1)) / (n + 1): one further molecule for each of them."""
    repeats = 4000
    generator = np.random.default_rng(count * level)
    value, prediction, similarity = molecules(count + 1, generator, repeats)
    inside = 0
    for v, p, s in zip(value, prediction, similarity, strict=True):
        low, high = Calibration.fit(v[1:], p[1:], s[1:], log10=False).interval(p[:1], s[:1], level)
        inside += bool(low[0] <= v[0] <= high[0])
    expected = np.ceil(level / 100 * (count + 1) - 1e-9) / (count + 1)
    assert abs(inside / repeats - expected) < 4 * np.sqrt(expected * (1 - expected) / repeats)


@pytest.mark.parametrize(("count", "level"), [(6, 80), (12, 90), (24, 50)])
def test_data_points_that_err_alike_are_as_many_as_their_molecules(count, level):
    """In the mean, ceil(level (K + 1)) / (K + 1) for K molecules with ten data points each, not for 10 K of them."""
    repeats, ten = 2000, np.arange(10 * count) // 10
    generator = np.random.default_rng(count * level)
    value, prediction, similarity = molecules(count + 1, generator, repeats)
    inside = 0
    for v, p, s in zip(value, prediction, similarity, strict=True):
        known = (column[1:].repeat(10) for column in (v, p, s))
        low, high = Calibration.fit(*known, log10=False, molecules=ten).interval(p[:1], s[:1], level)
        inside += bool(low[0] <= v[0] <= high[0])
    expected = np.ceil(level / 100 * (count + 1) - 1e-9) / (count + 1)
    assert abs(inside / repeats - expected) < 4 * np.sqrt(expected * (1 - expected) / repeats)


@pytest.mark.parametrize(("count", "level"), [(6, 80), (9, 90), (20, 95)])
def test_intervals_hold_a_random_data_point_of_a_further_molecule_as_often_as_they_say(count, level):
    """Molecules with more data points are harder here, so neither their number nor their weights can be left out."""
    repeats, shares, by_points = 1000, [], []
    generator = np.random.default_rng(count)
    for _ in range(repeats):
        molecule = np.repeat(np.arange(count + 1), generator.choice([2, 10], count + 1))
        several = np.bincount(molecule)
        error = generator.normal(size=count + 1)[molecule] + 0.2 * generator.normal(size=len(molecule))
        error, known = error * np.where(several == 2, 2, 1)[molecule], molecule < count
        for molecules_of, found in ((molecule[known], shares), (None, by_points)):
            zero, similarity = np.zeros(known.sum()), np.ones(known.sum())
            calibration = Calibration.fit(zero, error[known], similarity, log10=False, molecules=molecules_of)
            _, high = calibration.interval(np.zeros(1), np.ones(1), level)
            found.append((np.abs(error[~known]) <= high).mean())
    assert np.mean(shares) > level / 100 - 3 * np.std(shares) / np.sqrt(repeats)
    assert np.mean(by_points) < level / 100 - 3 * np.std(by_points) / np.sqrt(repeats)  # what must not be done
    assert np.mean(shares) < level / 100 + 2 / (count + 1)


def test_molecules_with_one_data_point_each_change_nothing():
    value, prediction, similarity = (column[0] for column in molecules(30, np.random.default_rng(2)))
    plain = Calibration.fit(value, prediction, similarity, log10=False)
    named = Calibration.fit(value, prediction, similarity, log10=False, molecules=np.arange(30).astype(str))
    assert named.weights is None
    np.testing.assert_array_equal(named.scores, plain.scores)
    weighted = Calibration(plain.scores, plain.slope, log10=False, weights=np.ones(30))
    for level in (1, 50, 80, 90, 96.7):
        np.testing.assert_array_equal(
            weighted.interval(value, similarity, level), plain.interval(value, similarity, level)
        )


def test_a_higher_level_has_a_wider_interval_around_the_prediction():
    value, prediction, similarity = (column[0] for column in molecules(200, np.random.default_rng(0)))
    calibration = Calibration.fit(value, prediction, similarity, log10=False)
    widths = []
    for level in (1, 30, 50, 90, 99):
        low, high = calibration.interval(prediction, similarity, level)
        assert (low < prediction).all()
        assert (prediction < high).all()
        widths.append(high - low)
    assert (np.diff(widths, axis=0) > 0).all()


def test_interval_is_wider_where_the_molecule_is_less_similar():
    calibration = Calibration.fit(np.zeros(20), np.arange(20.0), np.full(20, 0.5), log10=False)
    low, high = calibration.interval(np.zeros(3), np.array([1.0, 0.5, 0.0]), 90)
    assert (np.diff(high - low) > 0).all()
    assert high[1] == pytest.approx(18)  # at their own similarity, the errors themselves: the 19th of 20


@pytest.mark.parametrize("factor", [1e-3, 7.0])
def test_intervals_scale_with_the_unit(factor):
    value, prediction, similarity = (column[0] for column in molecules(50, np.random.default_rng(1)))
    ends = Calibration.fit(value, prediction, similarity, log10=False).interval(prediction, similarity, 80)
    scaled = Calibration.fit(value * factor, prediction * factor, similarity, log10=False)
    np.testing.assert_allclose(scaled.interval(prediction * factor, similarity, 80), np.multiply(ends, factor))


def test_logarithms_have_intervals_of_factors():
    """In any unit the same factors: positive, and further upwards than downwards."""
    value, prediction, similarity = 10.0 ** np.zeros(20), 10.0 ** np.linspace(-1, 1, 20), np.ones(20)
    calibration = Calibration.fit(value, prediction, similarity, log10=True)
    low, high = calibration.interval(np.array([1.0, 100.0]), np.ones(2), 90)
    np.testing.assert_allclose(high / [1, 100], [1, 100] / low)
    assert high[0] == pytest.approx(10.0 ** np.sort(np.abs(np.linspace(-1, 1, 20)))[18])


@pytest.mark.parametrize(("count", "highest"), [(1, 50.0), (4, 80.0), (9, 90.0), (12, 92.3), (19, 95.0), (99, 99.0)])
def test_highest_level_is_one_that_can_be_given(count, highest):
    calibration = Calibration(np.arange(1.0, count + 1), 0.0, False)
    assert calibration.highest == highest
    _, high = calibration.interval(np.zeros(1), np.ones(1), highest)
    assert high == [count]  # the largest score
    with pytest.raises(InputDataError, match=f"this model has {count}: ask for at most {highest:g} %"):
        calibration.check(highest + 0.1)


def test_highest_level_is_that_of_the_number_of_molecules_not_of_their_data_points():
    ten = np.arange(60) // 10
    calibration = Calibration.fit(np.zeros(60), np.arange(60.0), np.ones(60), log10=False, molecules=ten)
    assert (calibration.molecules, calibration.highest) == (6, 85.7)
    assert calibration.interval(np.zeros(1), np.ones(1), 85.7)[1] == [59]
    with pytest.raises(InputDataError, match=r"needs at least 9 validation molecules and this model has 6: .* 85\.7 %"):
        calibration.check(90)


@pytest.mark.parametrize(("level", "needed"), [(90, 9), (95, 19), (99, 99), (99.9, 999)])
def test_refused_level_tells_how_many_molecules_it_needs(level, needed):
    with pytest.raises(InputDataError, match=f"an interval of {level:g} % needs at least {needed} validation"):
        Calibration(np.ones(needed - 1), 0.0, False).check(level)
    Calibration(np.ones(needed), 0.0, False).check(level)


@pytest.mark.parametrize("level", [0, 0.9, 100, -5, np.nan])
def test_level_that_is_no_percentage_is_refused(level):
    with pytest.raises(InputDataError, match="give a percentage"):
        Calibration(np.ones(50), 0.0, False).check(level)


def test_prediction_that_was_not_finite_counts_as_the_largest_error():
    calibration = Calibration.fit(np.zeros(4), np.array([np.nan, 1, 2, np.inf]), np.ones(4), log10=False)
    assert calibration.scores.tolist() == [1, 2, np.inf, np.inf]


def test_coverage_is_counted_at_every_level_that_can_be_given():
    calibration = Calibration(np.arange(1.0, 10), 0.0, False)
    found = measure_coverage(calibration, np.array([0.0, 7.5, -8.5, 20]), np.zeros(4), np.ones(4))
    assert [(c.level, c.share, c.width) for c in found] == [(50, 0.25, 10.0), (80, 0.5, 16.0), (90, 0.75, 18.0)]
    assert [c.level for c in found] == [level for level in LEVELS if level <= calibration.highest]


def test_coverage_of_several_data_points_is_that_of_a_random_one_of_a_random_molecule():
    calibration = Calibration(np.arange(1.0, 10), 0.0, False)
    value, molecule = np.array([0.0, 0, 0, 99, 99, 99, 99, 0]), np.array(list("aaabbbbb"))
    found = measure_coverage(calibration, value, np.zeros(8), np.ones(8), molecule)[-1]
    assert (found.share, found.molecules, found.points) == (pytest.approx((1 + 1 / 5) / 2), 2, 8)
    assert found.ends == Coverage(90, found.share, 2, 1.0).ends
    assert found.words("K").startswith("the 90 % intervals of a test molecule hold 60 % (")
    assert found.words("K").endswith(") of its values, in the mean over 2 molecules with 8 values; mean width 18 K")
    once = measure_coverage(calibration, value, np.zeros(8), np.ones(8), np.arange(8))
    assert once == measure_coverage(calibration, value, np.zeros(8), np.ones(8))


def test_mean_width_counts_each_molecule_once():
    calibration = Calibration(np.arange(1.0, 10), 1.0, False)
    similarity, molecule = np.array([1.0, 1, 1, 0]), np.array(list("aaab"))
    found = measure_coverage(calibration, np.zeros(4), np.zeros(4), similarity, molecule)[-1]
    assert found.width == pytest.approx(18 * (1 + np.e) / 2)


@pytest.mark.parametrize("points", [None, 102])
def test_recorded_numbers_give_the_coverage_again(points):
    count = 102 if points is None else 17
    found = [Coverage(50, 0.5, count, 1.5, points), Coverage(90, 0.86, count, 3.25, points)]
    numbers = {f"test_{name}": str(value) for name, value in coverage_numbers(found).items()} | {"test_n": "102.0"}
    assert recorded_coverage(numbers) == found
    assert recorded_coverage({"test_n": 102}) == []
    assert ("test_coverage_molecules" in numbers) == (points is not None)


def test_count_has_the_interval_of_wilson():
    assert Coverage(90, 0.9, 100, 1.0).ends == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert Coverage(90, 1.0, 10, 1.0).ends == pytest.approx((0.7225, 1.0), abs=1e-4)
    words = Coverage(90, 0.9, 100, 12.345).words("kJ/mol")
    assert (
        words == "90 of 100 test molecules are inside their 90 % interval, 90 % (83 to 94 %); mean width 12.35 kJ/mol"
    )
    assert Coverage(90, 0.9, 100, 12.345).words("-").endswith("mean width 12.35")
