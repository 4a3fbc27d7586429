"""A user's feature columns from the table through training and export to predictions."""

import csv
import re
import runpy
import warnings

import numpy as np
import pytest

from gear import predict
from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.data import load_pair
from gear.errors import InputDataError
from gear.evaluation.evaluate import predict_held_out
from gear.evaluation.reference import reference_predictions
from gear.export import Member, export_model
from gear.predict import load_predictor, predict_file
from gear.testing.pairs import molecules
from gear.train import train_trial

TEMPERATURES = (280.0, 300.0, 320.0)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """A trial on a viscosity at three temperatures, from a density at one."""
    folder = tmp_path_factory.mktemp("tables")
    sizes = {smiles: len(smiles) for smiles in molecules()}
    rows = [f"{s},{size * np.exp((300 - t) / 20):.6f},{t}" for s, size in sizes.items() for t in TEMPERATURES]
    (folder / "visc.csv").write_text("\n".join(["smiles,eta,temperature", *rows]))
    (folder / "dens.csv").write_text("\n".join(["smiles,d", *(f"{s},{size}" for s, size in sizes.items())]))
    target = TaskSpec("eta", str(folder / "visc.csv"), "eta", unit="mPa s", log10=True, features=("temperature",))
    pair = PairSpec(target, (TaskSpec("d", str(folder / "dens.csv"), "d"),))
    training = TrainingConfig(epochs=2, epoch_steps=20, source_epochs=1)
    return TrialSpec(pair, "random", config=TrialConfig(method="stl", training=training))


@pytest.fixture(scope="module")
def trained(spec, tmp_path_factory):
    """Its checkpoint, its data and its export."""
    folder = tmp_path_factory.mktemp("trained")
    train_trial(spec, folder / "checkpoint")
    pair = load_pair(spec.pair, spec.split)
    export_model([Member(folder / "checkpoint", spec, pair)], pair, folder / "model", {})
    return folder / "checkpoint", pair, folder / "model"


@pytest.fixture
def predictor(trained):
    return load_predictor(trained[2], "cpu")


def table(path, *rows, header="smiles,temperature"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_export_predicts_at_each_temperature_what_the_trained_model_does(trained, spec, predictor):
    checkpoint, pair, _ = trained
    tested = predict_held_out(checkpoint, spec, pair).of_part("test")
    assert tested.features["temperature"].tolist() == list(TEMPERATURES) * (len(tested.smiles) // 3)
    found = predictor.predict(list(tested.smiles), tested.features["temperature"][:, None])
    np.testing.assert_allclose(found, tested.prediction, rtol=1e-6)
    by_molecule = found.reshape(-1, 3)
    assert (by_molecule[:, 0] > by_molecule[:, 2]).all()  # it has learnt that liquids thin when they get warm
    assert predictor.columns == ("temperature",)


def test_similarity_is_that_of_the_molecule(trained, predictor):
    smiles = trained[1].target.train.smiles[0]
    assert predictor.assess([smiles], [[900.0]]).similarity == [1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (None, r"the model reads temperature beside the molecule: give columns, an array of shape \(2, 1\)"),
        ([300, 310], r"columns has shape \(2,\), but the model reads temperature: give an array of shape \(2, 1\)"),
        ([[300, 7], [310, 7]], r"columns has shape \(2, 2\)"),
        ([[300]], r"columns has shape \(1, 1\)"),
        ([[300], [np.nan]], "molecule 1: column 'temperature' is not a finite number"),
        ([["warm"], ["cold"]], "columns must hold numbers"),
    ],
)
def test_columns_that_do_not_fit_are_told(columns, message, predictor):
    with pytest.raises(InputDataError, match=message):
        predictor.predict(["CC", "CO"], columns)


def test_a_model_without_columns_takes_none(export):
    with pytest.raises(InputDataError, match=r"columns has shape \(1, 1\), but the model reads none: leave it out"):
        load_predictor(export, "cpu").predict(["CC"], [[300]])


def test_a_table_is_predicted_with_its_own_columns(trained, predictor, tmp_path):
    rows = ["300,CCO", "320,CCO", ",CCO", "warm,CCO", "inf,CCO", "300,x(", "300"]
    counts = predict_file(predictor, table(tmp_path / "in.csv", *rows, header="temperature,smiles"), tmp_path / "o.csv")
    assert counts[:2] == (7, 5)
    cold, warm, *bad = read(tmp_path / "o.csv")
    expected = predictor.predict(["CCO", "CCO"], [[300], [320]])
    np.testing.assert_allclose([float(row["prediction"]) for row in (cold, warm)], expected, rtol=1e-6)
    assert cold["temperature"] == "300"
    assert [row["reason"] for row in bad] == [
        "column 'temperature': '' is not a number",
        "column 'temperature': 'warm' is not a number",
        "column 'temperature': 'inf' is not a finite number",
        "cannot parse SMILES 'x('",
        "1 cells where the header has 2",
    ]
    assert {row["prediction"] for row in bad} == {""}


def test_a_row_without_its_number_has_the_reason_and_the_others_are_predicted(predictor):
    found = predictor.assess(["CCO", "CCO", "x("], [[300], [np.nan], [300]])
    reasons = ["", "column 'temperature' is not a finite number", "cannot parse SMILES 'x('"]
    assert found.reason.tolist() == reasons
    assert np.isfinite(found.value).tolist() == [True, False, False]


def test_a_value_outside_the_training_range_is_a_warning_once(trained):
    model = load_predictor(trained[2], "cpu")
    told = "3 rows have a value of 'temperature' outside the range that the model was trained on, 280 to 320"
    with pytest.warns(UserWarning, match=told) as warned:
        model.predict(["C"] * 5, [[279.9], [280], [320], [320.1], [1e6]])
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.assess(["C"], [[0]])
        load_predictor(trained[2], "cpu").assess(["C", "x("], [[300], [np.inf]])


def test_the_command_says_once_what_is_outside_the_training_range(trained, tmp_path, monkeypatch, capsys):
    file = table(tmp_path / "in.csv", "CCO,300", "CCO,25", "CCC,25", "x(,25")
    for expected in ("warning: 2 rows have a value of 'temperature' outside the range", ""):
        monkeypatch.setattr("sys.argv", ["p", *map(str, (trained[2], file, "--out", tmp_path / "out.csv"))])
        assert predict.main() == 0
        told = capsys.readouterr().err
        assert told.startswith(expected)
        assert told.count("\n") == bool(expected)
        table(file, "CCO,300")


def test_a_decimal_comma_is_read(predictor, tmp_path):
    file = table(tmp_path / "in.csv", "CCO;298,15", header="smiles;temperature")
    predict_file(predictor, file, tmp_path / "out.csv")
    expected = predictor.predict(["CCO"], [[298.15]])
    np.testing.assert_allclose([float(row["prediction"]) for row in read(tmp_path / "out.csv")], expected, rtol=1e-6)


def test_a_table_without_the_column_is_one_line(trained, tmp_path, monkeypatch, capsys):
    file, out = table(tmp_path / "in.csv", "CCO,300", header="smiles,T"), tmp_path / "out.csv"
    monkeypatch.setattr("sys.argv", ["gear.predict", str(trained[2]), str(file), "--out", str(out)])
    assert predict.main() == 2
    told = capsys.readouterr().err
    assert "in.csv has no column 'temperature' (it has: smiles, T): the model reads it beside the molecule" in told
    assert told.count("\n") == 1
    assert not out.exists()


def test_card_and_snippet_name_the_columns(trained, capsys):
    card = (trained[2] / "README.md").read_text()
    assert "Predicts the eta in mPa s from SMILES, temperature." in card
    assert re.search(r"\| temperature \| 280 to 320 \| 300 \|", card)
    assert "Target: 288 data points for training, 36 for validation, 36 for test." in card
    runpy.run_path(str(trained[2] / "usage.py"))
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in told] == [["eta", "mPa", "s", "CCO"], ["eta", "mPa", "s", "c1ccccc1"]]


def test_references_read_the_columns_too(trained):
    found = reference_predictions(trained[1])["svr"]
    by_molecule = found.prediction.reshape(-1, 3)
    assert (by_molecule[:, 0] > by_molecule[:, 2]).all()
    assert found.features["temperature"].tolist() == list(TEMPERATURES) * len(by_molecule)
