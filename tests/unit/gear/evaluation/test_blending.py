"""Blends: never worse than the best model where they are selected, the known optimum, an honest estimate."""

import numpy as np
import pytest

from gear.evaluation.blending import choose_blend, select
from gear.evaluation.uncertainty import rmse
from gear.label_scaler import Scaler

PLAIN, LOG = Scaler(1.0, 2.0, log10=False), Scaler(0.5, 0.4, log10=True)


def library(seed, models=8, molecules=40):
    """Predictions of models with errors of several sizes, and the truth."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(1.0, 2.0, molecules)
    shared = draw.normal(size=molecules)
    sizes = draw.uniform(0.2, 1.5, models)[:, None]
    return truth + sizes * (0.5 * shared + draw.normal(size=(models, molecules))), truth


def error(predictions, truth, scaler):
    return float(rmse(scaler.standardise(predictions) - scaler.standardise(truth)))


@pytest.mark.parametrize("scaler", [PLAIN, LOG], ids=["plain", "log10"])
@pytest.mark.parametrize("seed", range(20))
def test_the_mean_is_never_worse_than_the_best_model_where_it_was_selected(seed, scaler):
    predictions, truth = library(seed)
    if scaler.log10:
        predictions, truth = 10 ** (predictions / 4), 10 ** (truth / 4)
    found = choose_blend(predictions, truth, scaler)
    best = min(error(alone, truth, scaler) for alone in predictions)
    assert found.rmse <= best
    assert found.rmse == pytest.approx(error(np.average(predictions, 0, found.counts), truth, scaler))


def test_models_whose_errors_cancel_are_taken_in_the_proportion_in_which_they_do():
    truth, error = np.linspace(0, 5, 30), np.where(np.arange(30) % 2, 1.0, -1.0)
    predictions = np.array([truth + 3 * error, truth - error, truth + 4.0])
    assert select(predictions, truth, PLAIN).tolist() == [1, 3, 0]


def test_a_model_that_is_right_is_taken_by_itself():
    predictions, truth = library(0)
    predictions[3] = truth
    counts = select(predictions, truth, PLAIN)
    assert counts.tolist() == np.eye(8, dtype=int)[3].tolist()


def test_independent_models_of_one_quality_are_expected_to_gain_by_averaging():
    draw = np.random.default_rng(0)
    truth = draw.normal(size=200)
    found = choose_blend(truth + draw.normal(size=(6, 200)), truth, PLAIN)
    assert found.better
    assert 0.35 < found.expected / found.single < 0.6  # 1 / sqrt(6) if the weights were known to be equal
    assert found.rmse < found.expected


def test_the_estimate_is_higher_than_the_error_on_the_molecules_that_were_selected_by():
    """Many models that know nothing, few molecules: what looks good there is luck."""
    optimism = []
    for seed in range(10):
        draw = np.random.default_rng(seed)
        found = choose_blend(draw.normal(size=(30, 15)), draw.normal(size=15), PLAIN)
        optimism.append(found.expected - found.rmse)
    assert np.mean(optimism) > 0.1


def test_data_points_of_a_molecule_are_not_judged_by_a_choice_that_saw_the_others():
    """Twelve models that know nothing of twelve molecules with ten data points each, whose errors are alike."""
    estimates, truths = [], []
    for seed in range(20):
        draw = np.random.default_rng(seed)
        of_known, of_others = draw.normal(size=(2, 12, 12)).repeat(10, axis=2) + 0.2 * draw.normal(size=(2, 12, 120))
        names = np.arange(12).repeat(10).astype(str).astype(object)
        order = draw.permutation(120)
        found = choose_blend(of_known[:, order], np.zeros(120), PLAIN, molecules=names[order])
        estimates.append(found.expected)
        truths.append(error(np.average(of_others, 0, found.counts), np.zeros(120), PLAIN))
    off = np.log(np.array(estimates) / truths)
    assert abs(off.mean()) < 3 * off.std() / np.sqrt(20) < 0.3  # divided by data points the estimate is half of it


def test_molecules_with_one_value_each_change_nothing():
    predictions, truth = library(3)
    names = np.random.default_rng(0).permutation(40).astype(str)
    plain, named = choose_blend(predictions, truth, PLAIN), choose_blend(predictions, truth, PLAIN, molecules=names)
    assert (named.expected, named.single, named.rmse) == (plain.expected, plain.single, plain.rmse)


def test_a_blend_of_one_model_and_itself_is_not_better():
    predictions, truth = library(1, models=1)
    found = choose_blend(np.repeat(predictions, 3, axis=0), truth, PLAIN)
    assert not found.better
    assert found.expected == pytest.approx(found.single)


def test_the_same_data_give_the_same_blend():
    predictions, truth = library(2)
    one, other = (choose_blend(predictions, truth, PLAIN) for _ in range(2))
    assert (one.expected, one.counts.tolist()) == (other.expected, other.counts.tolist())
