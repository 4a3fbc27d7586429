"""Coverage of the prediction intervals: counted as whoever takes the export away would count it."""

import numpy as np
import pytest

from gear.evaluation.calibrate import training_similarity
from gear.evaluation.conformal import Calibration, recorded_coverage
from gear.evaluation.evaluate import combined, predict_held_out
from gear.evaluation.held_out import predictions_table
from gear.export import export_model
from gear.predict import load_predictor
from gear.testing.pairs import synthetic_pair, with_temperatures
from search.results.ensemble import weights_of
from search.results.intervals import calibration_of, coverage_of, judge_with_intervals, with_intervals
from tests.conftest import trained_member


def predictions_of(members):
    return [predict_held_out(member.checkpoint, member.spec, member.pair) for member in members]


@pytest.mark.parametrize("models", [1, 3])
def test_coverage_is_that_of_the_export_on_the_test_part(models, ensemble, tmp_path):
    members = ensemble[:models]
    alone = predictions_of(members)
    calibration = calibration_of(members, alone)
    pair = members[0].pair
    test = pair.target.test
    similarity = training_similarity(test.smiles, [member.pair for member in members])
    counted = coverage_of(combined(alone, weights_of(members)).of_part("test"), similarity, calibration)
    numbers = {f"test_{name}": value for name, value in counted.items()}
    export_model(members, pair, tmp_path / "export", {}, calibration)
    model = load_predictor(tmp_path / "export")
    found = model.assess(list(test.smiles))
    covered = recorded_coverage(numbers | {"test_n": len(test.value)})
    assert [coverage.level for coverage in covered] == [50, 80, 90]  # ten validation molecules are too few for 95 %
    for coverage in covered:
        low, high = model.interval(found, coverage.level)
        assert coverage.share == ((low <= test.value) & (test.value <= high)).mean()
        assert coverage.width == pytest.approx((high - low).mean(), rel=1e-5)


def test_table_of_predictions_has_the_ends_of_the_test_molecules(member):
    alone = predictions_of([member])
    calibration = calibration_of([member], alone)
    table, scores = judge_with_intervals([member], alone)
    assert table["low"].to_pylist()[:10] == [None] * 10  # validation
    smiles, prediction, low, high = (table[n].to_numpy()[10:] for n in ("smiles", "prediction", "low", "high"))
    expected = calibration.interval(prediction, training_similarity(smiles, [member.pair]), 90)
    np.testing.assert_allclose((low, high), expected)
    few = Calibration(calibration.scores[:8], calibration.slope, calibration.log10)
    assert with_intervals(predictions_table(alone[0]), np.ones(10), few)["high"].null_count == 20
    assert scores["rmse"] > 0


def test_a_molecule_counts_once_in_intervals_and_coverage_however_many_data_points_it_has(tmp_path):
    """Ten validation and ten test molecules at two temperatures each, up to the export of the model."""
    member = trained_member(tmp_path / "checkpoint", with_temperatures(synthetic_pair()), epochs=2)
    alone = predictions_of([member])
    _, scores = judge_with_intervals([member], alone)
    assert (scores["n"], scores["coverage_molecules"]) == (20, 10)
    calibration = calibration_of([member], alone)
    assert (len(calibration.scores), calibration.molecules, calibration.highest) == (20, 10, 90.9)
    (coverage,) = (c for c in recorded_coverage({f"test_{name}": n for name, n in scores.items()}) if c.level == 90)
    assert (coverage.molecules, coverage.points) == (10, 20)
    export_model([member], member.pair, tmp_path / "export", {}, calibration)
    test = member.pair.target.test
    model = load_predictor(tmp_path / "export")
    found = model.assess(list(test.smiles), member.pair.features_of(test)["temperature"][:, None])
    low, high = model.interval(found, 90)
    assert coverage.share == ((low <= test.value) & (test.value <= high)).mean()  # two data points of each molecule
    assert coverage.width == pytest.approx((high - low).mean(), rel=1e-5)


def test_one_model_is_calibrated_on_its_own_validation_part(member):
    alone = predictions_of([member])
    calibration = calibration_of([member], alone)
    validation = alone[0].of_part("validation")
    low, high = calibration.interval(validation.prediction, np.ones(10), 90)
    assert len(calibration.scores) == 10
    assert calibration.scores[-1] <= np.abs(validation.prediction - validation.value).max()
    np.testing.assert_allclose((high - low) / 2, calibration.scores[-1])
