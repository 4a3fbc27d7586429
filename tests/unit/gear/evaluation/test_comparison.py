"""Whether transfer helped, held against what is known of the errors."""

from dataclasses import dataclass

import numpy as np
import pytest

from gear.evaluation.comparison import (
    Change,
    Judged,
    baseline_of,
    champions,
    compare,
    reference_verdict,
    reference_words,
    sees_logarithm,
)
from gear.evaluation.held_out import PartPredictions
from gear.evaluation.uncertainty import Interval, rmse

TRUE = np.linspace(20.0, 60.0, 102)
NOISE = np.random.default_rng(0).standard_normal(102)


@dataclass(frozen=True)
class Row:
    method: str = "gear"
    pair: str = "ct_from_bp"
    split: str = "random"
    judged_on: tuple[str, str] = ("s", "d")
    validation_rmse: float | None = 0.5
    test_rmse: float | None = 0.4


def judged(error, true=TRUE, sd=10.0):
    part = PartPredictions(np.array([f"C{k}" for k in range(len(true))], object), true, true + error)
    return Judged(float(rmse(part.error)) / sd, part)


def test_an_effect_on_every_molecule_is_sure_and_says_on_how_many():
    found = compare(judged(0.5 * NOISE), judged(NOISE))
    assert found.value == pytest.approx(-0.5)
    assert found.sure
    assert found.interval.low == pytest.approx(-0.5) == found.interval.high
    assert found.molecules == 102
    expected = "test RMSE of gear is 50.0 % lower than of stl (95 % interval 50.0 to 50.0 %, 102 test molecules)"
    assert found.words("gear") == expected


def test_an_effect_within_chance_is_said_to_be_none_that_can_be_shown():
    found = compare(judged(NOISE), judged(NOISE[::-1]))
    assert not found.sure
    assert found.interval.low < 0 < found.interval.high
    assert found.words("mtl").endswith("): no difference that 102 test molecules can show")
    assert " % lower to " in found.words("mtl")
    assert found.words("mtl").startswith("test RMSE of mtl is 0.0 % ")


def test_a_sure_loss_is_called_higher_with_its_interval_from_small_to_large():
    change = Change(0.2, Interval(0.2, 0.1, 0.35), 0.01, 40)
    assert change.words("kd") == (
        "test RMSE of kd is 20.0 % higher than of stl (95 % interval 10.0 to 35.0 %, 40 test molecules)"
    )


def test_without_predictions_only_the_point_estimate_is_left():
    for ours, theirs in ((judged(NOISE), Judged(0.5)), (Judged(0.3), judged(NOISE)), (Judged(0.3), Judged(0.5))):
        found = compare(ours, theirs)
        assert found == Change(ours.rmse / theirs.rmse - 1)
        assert not found.sure
        assert "there is no interval" in found.words("gear")


def test_molecules_are_matched_by_name_and_their_order_changes_nothing():
    ours, theirs = judged(0.8 * NOISE), judged(NOISE + 0.3)
    order = np.random.default_rng(1).permutation(102)
    part = ours.predictions
    shuffled = PartPredictions(part.smiles[order], part.true[order], part.predicted[order])
    assert compare(Judged(ours.rmse, shuffled), theirs) == compare(ours, theirs)


def test_errors_are_compared_as_models_see_them():
    """Errors of logarithms: in the unit, the largest value would decide everything."""
    true = 10 ** np.linspace(-3, 3, 60)
    logs = np.where(np.arange(60) == 59, 0.2, 0.4) * np.random.default_rng(2).choice([-1, 1], 60)

    def seen(factor):
        part = PartPredictions(np.arange(60).astype(str), true, true * 10 ** (factor * logs))
        return Judged(float(rmse(factor * logs)) / 2.0, part)

    found = compare(seen(0.5), seen(1.0))
    assert found.value == pytest.approx(-0.5)
    assert sees_logarithm([(seen(0.5).predictions, seen(0.5).rmse), (seen(1.0).predictions, seen(1.0).rmse)])
    assert not sees_logarithm([(j.predictions, j.rmse) for j in (judged(NOISE), judged(2 * NOISE))])


def test_the_baseline_is_tested_single_task_learning_on_the_same_split_and_data():
    stl = Row("stl", test_rmse=0.6)
    others = [
        Row("stl", judged_on=("s2", "d")),
        Row("stl", judged_on=("s", "d2")),
        Row("stl", test_rmse=None),
        Row("mtl"),
    ]
    assert baseline_of(Row(), [*others, stl]) is stl
    assert baseline_of(Row(), others) is None
    assert baseline_of(stl, [Row("stl", validation_rmse=0.1)]) is None
    assert baseline_of(Row(test_rmse=None), [stl]) is None
    unknown = Row(judged_on=("", ""))
    assert baseline_of(unknown, [Row("stl", judged_on=("", ""))]) is None


def test_of_several_baselines_that_of_the_same_pair_comes_first_and_then_the_best_on_validation():
    elsewhere, worse, better = (
        Row("stl", pair="ct_from_hv", validation_rmse=0.1),
        Row("stl", validation_rmse=0.4),
        Row("stl", validation_rmse=0.3),
    )
    assert baseline_of(Row(), [elsewhere, worse, better]) is better


def test_champion_of_each_pair_and_split_is_the_lowest_on_validation():
    rows = [
        Row("gear", validation_rmse=0.5, test_rmse=0.1),
        Row("stl", validation_rmse=0.4, test_rmse=0.9),
        Row("mtl", validation_rmse=0.4),
        Row("kd", validation_rmse=None),
        Row("gear", split="scaffold", validation_rmse=0.7),
        Row("gear", pair="hv_from_ds", validation_rmse=None),
    ]
    assert champions(rows) == {("ct_from_bp", "random"): rows[1], ("ct_from_bp", "scaffold"): rows[4]}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (Change(-0.2, Interval(-0.2, -0.3, -0.1), 0.01, 40), ""),
        (Change(-0.2), ""),
        (Change(-0.2, Interval(-0.2, -0.5, 0.1), 0.2, 40), "is not shown to beat an untuned support vector machine"),
        (Change(0.2, Interval(0.2, -0.1, 0.5), 0.2, 40), "does not beat an untuned support vector machine"),
        (Change(0.2), "does not beat an untuned support vector machine"),
        (
            Change(0.2, Interval(0.2, 0.1, 0.3), 0.01, 40),
            "does not beat an untuned support vector machine: do not use this model",
        ),
    ],
)
def test_a_model_that_does_not_beat_the_strongest_reference_is_said_so(change, verdict):
    assert reference_verdict(change) == verdict
    words = reference_words(change, "gear")
    assert words.startswith("test RMSE of gear is 20.0 % ")
    assert words.partition("; ")[2] == (f"gear {verdict}" if verdict else "")


def test_points_of_a_molecule_are_matched_by_their_features():
    smiles, temperature = np.array(["C", "CC"] * 51, object), np.arange(102) // 2 + 280.0

    def at_temperatures(error, order):
        features = {"temperature": temperature[order]}
        part = PartPredictions(smiles[order], TRUE[order], (TRUE + error)[order], features)
        return Judged(float(rmse(part.error)) / 10, part)

    order = np.random.default_rng(1).permutation(102)
    found = compare(at_temperatures(0.5 * NOISE, order), at_temperatures(NOISE, np.arange(102)))
    assert found.value == pytest.approx(-0.5)
    assert found.molecules == 2
