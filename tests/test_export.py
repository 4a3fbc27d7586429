"""The export folder: whole, unchanged, of a known format; and the prediction command that reads it."""

import csv
import hashlib
import json
import sys

import numpy as np
import pytest
import torch

from gear import predict
from gear.checkpoint import read_state, write_folder
from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.errors import StorageError
from gear.evaluate import test_scores
from gear.export import export_model, load_export
from gear.training import TrainingRun
from tests.conftest import synthetic_pair


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint, its trial and its pair."""
    pair = synthetic_pair()
    config = TrialConfig(method="stl", training=TrainingConfig(epochs=30, batch_size=20, ema=0.0))
    run = TrainingRun(config, pair, "cpu")
    list(run.epochs())
    folder = tmp_path_factory.mktemp("trained") / "checkpoint"
    run.save(folder)
    return folder, TrialSpec(PairSpec(TaskSpec("target"), (TaskSpec("source"),)), "random", config=config), pair


@pytest.fixture
def export(trained, tmp_path):
    checkpoint, spec, pair = trained
    export_model(checkpoint, spec, pair, tmp_path / "export", {"validation RMSE": 0.5})
    return tmp_path / "export"


def run_predict(monkeypatch, capsys, *args):
    """Exit code and what the command printed."""
    monkeypatch.setattr(sys, "argv", ["predict", *map(str, args)])
    code = predict.main()
    return code, capsys.readouterr()


def test_scores_are_the_errors_of_the_predictions(trained, export):
    checkpoint, spec, pair = trained
    scores = test_scores(checkpoint, spec, pair)
    test = pair.target.test
    error = predict.load_predictor(export).predict(list(test.smiles)) - test.value
    assert scores.n == len(test.value)
    assert scores.rmse_units == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert scores.rmse == pytest.approx(scores.rmse_units / pair.target.train.value.std(), rel=1e-5)
    assert scores.mae_units == pytest.approx(np.abs(error).mean(), rel=1e-5)


def test_card_and_config_hold_the_evidence(export):
    assert "| validation RMSE | 0.5 |" in (export / "README.md").read_text()
    info = json.loads((export / "config.json").read_text())
    assert info["split_hash"] == "hash"
    assert info["sizes"]["target"] == {"train": 100, "validation": 10, "test": 10}
    assert {path.suffix for path in export.iterdir()} == {".json", ".safetensors", ".md"}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_changed_export_is_refused(export, name):
    path = export / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError, match=f"{name} does not match"):
        load_export(export)


def test_future_format_is_refused(export):
    config = export / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"format": 99}))
    sums = json.loads((export / "checksums.json").read_text())
    sums["config.json"] = hashlib.sha256(config.read_bytes()).hexdigest()
    (export / "checksums.json").write_text(json.dumps(sums))
    with pytest.raises(StorageError, match="export format 99, this version of gear reads 2"):
        load_export(export)


def test_folder_that_is_no_export_is_refused(tmp_path):
    with pytest.raises(StorageError, match="is no export folder"):
        load_export(tmp_path)


def test_predicting_in_pieces_changes_nothing(export, monkeypatch):
    predictor = predict.load_predictor(export)
    smiles = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCC"]
    whole = predictor.predict(smiles)
    monkeypatch.setattr(predict, "CHUNK", 2)
    np.testing.assert_allclose(predictor.predict(smiles), whole, rtol=1e-6)
    assert predictor.predict([]).shape == (0,)


def test_command_keeps_columns_and_order(export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("id,smiles\n7,CCO\n8,CCCCO\n")
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert code == 0
    assert "2 of 2 molecules" in printed.out
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [row["id"] for row in rows] == ["7", "8"]
    expected = predict.load_predictor(export).predict(["CCO", "CCCCO"])
    np.testing.assert_allclose([float(row["prediction"]) for row in rows], expected, rtol=1e-6)
    assert rows[0]["unit"] == "kJ/mol"


def test_bad_smiles_stop_the_command_before_anything_is_written(export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("smiles\nCCO\nnonsense(\n")
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert code == 2
    assert "in.csv row 3: cannot parse SMILES 'nonsense('" in printed.err
    assert not (tmp_path / "out.csv").exists()


def test_bad_smiles_are_kept_with_a_reason_on_request(export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("smiles\nnonsense(\nCCO\n")
    args = (export, tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--skip-bad-rows")
    assert run_predict(monkeypatch, capsys, *args)[0] == 0
    bad, good = csv.DictReader((tmp_path / "out.csv").open())
    assert (bad["prediction"], bad["reason"]) == ("", "unparsable SMILES")
    assert float(good["prediction"])


@pytest.mark.parametrize(
    ("content", "message"),
    [("name\nx\n", "has no column 'smiles' (it has: name)"), ("", "is empty")],
)
def test_file_without_smiles_column_is_one_line(content, message, export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text(content)
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_missing_input_and_unwritable_output_are_one_line(export, tmp_path, monkeypatch, capsys):
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "no.csv", "--out", tmp_path / "out.csv")
    assert code == 2
    assert "cannot read" in printed.err
    (tmp_path / "in.csv").write_text("smiles\nCCO\n")
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "no" / "out.csv")
    assert code == 2
    assert "cannot write" in printed.err


def test_folder_is_replaced_whole_or_left_as_it_was(tmp_path):
    folder = tmp_path / "state"
    write_folder(folder, lambda draft: (draft / "a").write_text("old"))

    def interrupted(draft):
        (draft / "a").write_text("new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, interrupted)
    assert (folder / "a").read_text() == "old"


def test_missing_checkpoint_is_a_clear_line(tmp_path):
    with pytest.raises(StorageError, match="no readable checkpoint"):
        read_state(tmp_path / "nothing")


def test_weights_are_the_best_epochs_not_the_last(trained):
    checkpoint, _, _ = trained
    tensors, state = read_state(checkpoint)
    assert state["best_epoch"] <= state["epoch"]
    assert {name for name in tensors if name.startswith("best.")}
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
