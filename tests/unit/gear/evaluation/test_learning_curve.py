"""Errors against numbers of labels, held against curves whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gear.evaluation.held_out import PartPredictions
from gear.evaluation.learning_curve import LabelsNeeded, Saving, TestedModel, labels_needed, learning_curves
from gear.evaluation.uncertainty import interval, rmse

LABELS = np.array([30.0, 60.0, 120.0, 800.0])
SPLITS = {30: "random-n30", 60: "random-n60", 120: "random-n120", 800: "random"}
TRUE = np.linspace(20.0, 60.0, 200)
NOISE = np.random.default_rng(0).standard_normal((4, 200))
NOISE /= np.sqrt(np.square(NOISE).mean(axis=1, keepdims=True))


def power_law(labels, scale=40.0):
    return scale * np.asarray(labels, float) ** -0.5


def model(method, labels, error, validation=0.5, noise=0, sd=10.0, true=TRUE, pair="ct_from_bp", split=None):
    """A model whose test RMSE is `error`; the standard deviation of its training part is `sd`."""
    part = PartPredictions(np.array([f"C{k}" for k in range(len(true))], object), true, true + error * NOISE[noise])
    return TestedModel(pair, split or SPLITS[labels], method, labels, error / sd, part, validation)


def campaign(gear=20.0, stl=40.0):
    """Two power laws; each number of labels has a standard deviation of its own."""
    sizes = zip(SPLITS, (7.0, 8.0, 9.0, 10.0), strict=True)
    return [
        model(method, labels, power_law(labels, scale), validation, noise, sd)
        for labels, sd in sizes
        for noise, (method, scale, validation) in enumerate([("gear", gear, 0.4), ("stl", stl, 0.5)])
    ]


def test_a_power_law_gives_the_labels_that_it_is_made_of():
    wanted = power_law([30, 45, 77.5, 600, 800])
    np.testing.assert_allclose(
        labels_needed(LABELS, np.tile(power_law(LABELS), (5, 1)), wanted), [30, 45, 77.5, 600, 800]
    )


def test_beyond_what_was_measured_nothing_is_invented():
    errors = np.tile(power_law(LABELS), (2, 1))
    assert labels_needed(LABELS, errors, power_law([29, 801])).tolist() == [0, math.inf]


def test_a_curve_that_rises_is_replaced_by_the_lowest_error_at_fewer_labels():
    errors = np.array([[0.8, 0.5, 0.7, 0.25]])
    assert labels_needed(LABELS, errors, np.array([0.5])) == pytest.approx([60])
    # from 0.5 at 120 labels, not from 0.7, to 0.25 at 800: half-way in the logarithm
    assert labels_needed(LABELS, errors, np.array([np.sqrt(0.5 * 0.25)])) == pytest.approx([np.sqrt(120 * 800)])


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=4), st.floats(0.01, 10), st.floats(0.01, 10))
def test_a_smaller_error_never_needs_fewer_labels(errors, one, other):
    low, high = sorted((one, other))
    curve = np.tile(errors, (2, 1))
    easy, hard = labels_needed(LABELS[: len(errors)], curve, np.array([high, low]))
    assert easy <= hard * (1 + 1e-9)


def test_points_are_in_the_propertys_unit_with_their_intervals():
    (curve,) = learning_curves(campaign())
    assert (curve.pair, curve.split, curve.log, curve.molecules) == ("ct_from_bp", "random", False, 200)
    assert curve.labels == [30, 60, 120, 800]
    first = curve.points["stl"][0]
    assert first.error.value == pytest.approx(power_law(30))
    expected = interval(np.sort(campaign()[1].predictions.error), rmse)
    assert (first.error.high - first.error.low) == pytest.approx(expected.high - expected.low, rel=0.1)


def test_half_the_error_of_a_square_root_law_saves_three_quarters_of_the_labels():
    (curve,) = learning_curves(campaign())
    by_labels = {saving.labels: saving for saving in curve.savings}
    assert {(saving.champion, saving.rival) for saving in curve.savings} == {("gear", "stl")}
    assert by_labels[60].needed.value == pytest.approx(240)
    assert by_labels[60].needed.low < 240 < by_labels[60].needed.high
    assert by_labels[60].saved == "180"
    assert (by_labels[800].needed.value, by_labels[800].saved) == (math.inf, "more than 0")


def test_the_interval_is_of_the_same_molecules_for_both():
    """Errors that are one multiple of each other leave no doubt, as different molecules would."""
    models = [model("gear", labels, power_law(labels, 20.0), 0.4) for labels in SPLITS]
    models += [model("stl", labels, power_law(labels, 40.0)) for labels in SPLITS]
    (curve,) = learning_curves(models)
    needed = next(saving.needed for saving in curve.savings if saving.labels == 60)
    assert (needed.low, needed.value, needed.high) == pytest.approx((240, 240, 240))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator, hits = np.random.default_rng(2), 0
    for _ in range(40):
        noise = generator.standard_normal((8, 150))
        models = []
        for row, (method, labels) in enumerate((m, n) for m in ("gear", "stl") for n in SPLITS):
            error = float(power_law(labels, 20 if method == "gear" else 40)) * noise[row]
            part = PartPredictions(np.arange(150).astype(str), np.zeros(150), error)
            validation = 0.4 if method == "gear" else 0.5
            models.append(TestedModel("p", SPLITS[labels], method, labels, float(rmse(error)), part, validation))
        (curve,) = learning_curves(models)
        needed = next(saving.needed for saving in curve.savings if saving.labels == 60)
        hits += needed.low <= 240 <= needed.high
    assert 33 <= hits <= 40  # 38 expected


def test_references_are_rivals_and_never_champions():
    references = [model("untuned SVR", labels, power_law(labels, 30.0), None, 2) for labels in SPLITS]
    (curve,) = learning_curves([*campaign(), *references])
    assert curve.champions == dict.fromkeys(SPLITS, "gear")
    assert {saving.rival for saving in curve.savings} == {"stl", "untuned SVR"}
    saving = next(s for s in curve.savings if (s.labels, s.rival) == (60, "untuned SVR"))
    assert saving.needed.value == pytest.approx(135)
    assert saving.words().startswith("untuned SVR needs 135 labels (95 % interval ")
    assert saving.words().endswith(" for the test error that gear reaches with 60 labels; labels saved: 75")


def test_of_the_classical_methods_validation_chooses_the_rival():
    classical = [
        model(method, labels, power_law(labels, scale), validation, 2)
        for labels in SPLITS
        for method, scale, validation in (("svr", 25.0, 0.8), ("gp", 30.0, 0.7))  # the better on test is not chosen
    ]
    (curve,) = learning_curves([*campaign(), *classical])
    assert {saving.rival for saving in curve.savings} == {"stl", "gp"}
    assert set(curve.points) == {"gear", "stl", "svr", "gp"}


def test_a_champion_is_not_its_own_rival():
    models = campaign(gear=80.0, stl=40.0)
    swapped = [model("stl", m.labels, power_law(m.labels), 0.1) if m.method == "stl" else m for m in models]
    (curve,) = learning_curves(swapped)
    assert set(curve.champions.values()) == {"stl"}
    assert curve.savings == []


def test_errors_are_logarithmic_where_models_see_the_logarithm():
    models = []
    for labels, sd in zip(SPLITS, (0.3, 0.35, 0.4, 0.5), strict=True):
        for noise, (method, scale) in enumerate([("gear", 0.5), ("stl", 1.0)]):
            error = float(power_law(labels, scale))
            part = PartPredictions(np.arange(200).astype(str), TRUE, TRUE * 10 ** (error * NOISE[noise]))
            models.append(TestedModel("p", SPLITS[labels], method, labels, error / sd, part, 0.5))
    (curve,) = learning_curves(models)
    assert curve.log
    assert [point.error.value for point in curve.points["stl"]] == pytest.approx(power_law(list(SPLITS), 1.0))


def test_only_molecules_that_all_have_predicted_count():
    models = campaign()
    longer = np.r_[TRUE, 500.0]
    part = PartPredictions(np.array([f"C{k}" for k in range(201)], object), longer, longer + 1000.0)
    models[0] = TestedModel("ct_from_bp", SPLITS[30], "gear", 30, 1.0, part, 0.4)
    (curve,) = learning_curves(models)
    assert curve.molecules == 200


def test_one_number_of_labels_or_other_splits_make_no_curve():
    assert learning_curves([model("gear", 60, 1.0), model("stl", 60, 2.0)]) == []
    other = [model("gear", 60, 1.0), model("gear", 30, 2.0, split="scaffold-n30")]
    assert learning_curves(other) == []
    assert learning_curves([]) == []


def test_numbers_of_labels_in_words():
    needed = LabelsNeeded(140.4, 0.0, math.inf, 30, 800)
    assert needed.words() == "140 labels (95 % interval fewer than 30 to more than 800)"
    assert Saving(60, "gear", "stl", needed).saved == "80"
    assert Saving(200, "gear", "stl", needed).saved == "none"
    nothing_known = LabelsNeeded(math.inf, math.inf, math.inf, 30, 800)
    assert nothing_known.words() == "more than 800 labels (95 % interval more than 800)"
    beyond = LabelsNeeded(math.inf, 100.0, math.inf, 30, 800)
    assert Saving(60, "gear", "stl", beyond).saved == "more than 740"
    assert Saving(900, "gear", "stl", beyond).saved == "unknown"
    assert Saving(60, "gear", "stl", LabelsNeeded(0.0, 0.0, 40.0, 30, 800)).saved == "none"
