"""Scores and tables of what a model says of molecules it was not trained on."""

import dataclasses

import numpy as np
import pytest

from gear.evaluation.evaluate import combined, predict_held_out, score_test_part, scores
from gear.evaluation.held_out import HeldOutPredictions, predictions_table
from gear.evaluation.uncertainty import Interval
from gear.export import export_model
from gear.label_scaler import Scaler
from gear.predict import load_predictor


def held_out(value, prediction, scaler=None, spread=np.nan, part="test"):
    value = np.asarray(value, float)
    smiles = np.array([f"C{'C' * n}" for n in range(len(value))], object)
    scaler = scaler or Scaler(0.0, 2.0, log10=False)
    columns = (np.full(len(value), part), value, np.asarray(prediction, float), np.full(len(value), spread))
    return HeldOutPredictions(smiles, *columns, scaler)


@pytest.fixture(scope="module")
def found(member):
    return predict_held_out(member.checkpoint, member.spec, member.pair)


def test_scores_are_the_errors_of_what_the_export_predicts(member, tmp_path):
    told = score_test_part(member.checkpoint, member.spec, member.pair)
    export_model([member], member.pair, tmp_path / "export", {})
    test = member.pair.target.test
    error = load_predictor(tmp_path / "export").predict(list(test.smiles)) - test.value
    assert told.n == len(test.value)
    assert told.rmse_units == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert told.rmse == pytest.approx(told.rmse_units / member.pair.target.train.value.std(), rel=1e-5)
    assert told.mae_units == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert told.r2 == pytest.approx(1 - (error**2).sum() / ((test.value - test.value.mean()) ** 2).sum(), rel=1e-4)
    for name in ("rmse", "mae", "rmse_units", "mae_units"):
        figure = told.interval(name)
        assert figure.low < figure.value == getattr(told, name) < figure.high


def test_scores_are_plain_numbers_that_a_record_can_hold(found):
    assert all(isinstance(value, float | int) for value in dataclasses.asdict(scores(found)).values())


def test_scores_judge_the_test_part_alone(found):
    spoilt = np.where(found.part == "validation", 1e6, found.prediction)
    spoilt = dataclasses.replace(found, prediction=spoilt)
    assert scores(spoilt) == scores(found)
    assert scores(spoilt, "validation").mae_units > 1e5


def test_logarithms_are_judged_as_the_model_sees_them_and_in_units():
    told = scores(held_out([10, 100], [100, 100], Scaler(0.0, 2.0, log10=True)))
    assert told.mae == pytest.approx(0.25)  # a decade, over two, for one of two
    assert told.mae_units == pytest.approx(45)


def test_part_whose_values_are_all_equal_has_no_determination():
    assert scores(held_out([5, 5], [5, 6])).r2 == 0


def test_predictions_are_those_of_validation_and_test(found, member):
    target = member.pair.target
    assert list(found.smiles) == [*target.validation.smiles, *target.test.smiles]
    assert list(found.value) == [*target.validation.value, *target.test.value]
    assert list(found.part) == ["validation"] * 10 + ["test"] * 10
    assert np.isnan(found.spread).all()


def test_ensemble_is_the_mean_of_its_members_on_the_test_part(ensemble):
    alone = [predict_held_out(m.checkpoint, m.spec, m.pair) for m in ensemble]
    whole = combined(alone)
    assert set(whole.part) == {"test"}
    tests = [one.of_part("test").prediction for one in alone]
    np.testing.assert_allclose(whole.prediction, np.mean(tests, axis=0))
    np.testing.assert_allclose(whole.spread, np.std(tests, axis=0, ddof=1))
    assert combined(alone[:1]) is alone[0]


def test_members_that_are_tested_on_different_molecules_make_no_ensemble():
    with pytest.raises(ValueError, match="one test part"):
        combined([held_out([1, 2], [1, 2]), held_out([1, 2, 3], [1, 2, 3])])


def test_table_has_a_row_a_molecule_and_no_spread_where_there_is_none(found):
    table = predictions_table(found)
    assert table.column_names == ["smiles", "value", "prediction", "spread", "part"]
    assert table["spread"].null_count == len(table) == 20
    assert table["prediction"].to_pylist() == found.prediction.tolist()
    assert predictions_table(held_out([1, 2], [1, 2], spread=0.5))["spread"].to_pylist() == [0.5, 0.5]


def test_interval_of_a_score_is_found_by_name():
    told = scores(held_out([1, 2, 3, 4], [1, 2, 3, 5]))
    assert told.interval("mae_units") == Interval(told.mae_units, told.mae_units_low, told.mae_units_high)
