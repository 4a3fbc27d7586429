"""The export folder: whole, unchanged, of a known format, and of use where nothing but the core is installed."""

import dataclasses
import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from gear.config import CurvatureConfig, TrainingConfig, TransferConfig, TrialConfig
from gear.errors import StorageError
from gear.evaluation.calibrate import calibrate
from gear.evaluation.conformal import Calibration
from gear.evaluation.evaluate import predict_held_out
from gear.evaluation.held_out import out_of_fold
from gear.evaluation.uncertainty import Interval
from gear.export import FORMAT, export_model, load_export
from gear.export.model_card import model_card
from gear.predict import load_predictor
from gear.testing.pairs import synthetic_pair, with_temperatures
from gear.training.checkpoint import load_module, read_state, write_folder
from gear.training.loop import TrainingRun
from gear.training.validation import validation_losses
from tests.conftest import trained_member

ROOT = Path(__file__).parents[4]
OLDER = Path(__file__).parents[3] / "exports"  # written by the versions of their time, with what these predicted
FILES = ["members/0/model.safetensors", "config.json", "fingerprints.safetensors", "README.md", "usage.py"]
SMILES = ["CCO", "c1ccccc1", "CC(=O)O"]
WITHOUT = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"ray", "optuna", "mlflow", "boto3", "search", "tracking"}:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Absent())
sys.argv = sys.argv[1:]
"""


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rewrite_config(folder, **changes):
    """As a forger would who knows of the checksums."""
    config, sums = folder / "config.json", folder / "checksums.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    told = json.loads(sums.read_text()) | {"config.json": hashlib.sha256(config.read_bytes()).hexdigest()}
    sums.write_text(json.dumps(told))


def test_folder_holds_safetensors_text_and_nothing_else(export, ensemble_export):
    assert files_of(export) == sorted([*FILES, "checksums.json"])
    more = ["members/1/model.safetensors", "members/2/model.safetensors"]
    assert files_of(ensemble_export) == sorted([*FILES, *more, "checksums.json"])


def test_calibration_is_a_file_of_its_own_that_is_checked_like_the_others(calibrated_export, export, capsys):
    assert load_export(export).calibration is None
    assert files_of(calibrated_export) == sorted([*FILES, "calibration.safetensors", "checksums.json"])
    calibration = load_export(calibrated_export).calibration
    assert (len(calibration.scores), calibration.highest, calibration.log10) == (10, 90.9, False)
    facts = json.loads((calibrated_export / "config.json").read_text())["calibration"]
    assert (facts["molecules"], facts["highest_level"]) == (10, 90.9)
    card = (calibrated_export / "README.md").read_text()
    assert "10 validation molecules, enough for levels up to 90.9 %" in card
    assert "Prediction intervals" not in (export / "README.md").read_text()
    runpy.run_path(str(calibrated_export / "usage.py"))
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["90", "CCO"],
        ["90", "c1ccccc1"],
    ]
    path = calibrated_export / "calibration.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match=r"calibration\.safetensors does not match"):
        load_export(calibrated_export)
    path.unlink()
    with pytest.raises(StorageError, match=r"has no calibration\.safetensors"):
        load_export(calibrated_export)


@pytest.fixture(scope="module")
def thermal(tmp_path_factory):
    """A model that reads a feature column, and its folder."""
    pair = with_temperatures(synthetic_pair())
    return trained_member(tmp_path_factory.mktemp("thermal") / "checkpoint", pair, epochs=1)


def test_calibration_by_several_data_points_of_each_molecule_is_kept_with_their_weights(thermal, tmp_path):
    held_out = predict_held_out(thermal.checkpoint, thermal.spec, thermal.pair)
    calibration = calibrate(out_of_fold([held_out]), [thermal.pair])
    export_model([thermal], thermal.pair, tmp_path / "export", {}, calibration)
    exported = load_export(tmp_path / "export")
    assert (exported.info["format"], exported.info["calibration"]["molecules"]) == (FORMAT, 10)
    np.testing.assert_array_equal(exported.calibration.scores, calibration.scores)
    np.testing.assert_array_equal(exported.calibration.weights, np.full(20, 0.5))
    card = (tmp_path / "export" / "README.md").read_text()
    assert "10 validation molecules, enough for levels up to 90.9 %" in card
    assert "Each molecule counts once, however many data points it has." in card


def test_calibration_of_format_5_counts_each_data_point_as_it_did_then(thermal, tmp_path):
    """Its file has scores only, also for a model with feature columns."""
    export_model([thermal], thermal.pair, tmp_path / "export", {}, Calibration(np.arange(1.0, 21), 0.0, log10=False))
    assert load_file(tmp_path / "export" / "calibration.safetensors").keys() == {"scores"}
    model = load_predictor(tmp_path / "export")
    assert load_export(tmp_path / "export").info["format"] == 5
    low, high = model.interval(model.assess(SMILES, [[300.0]] * 3), 95)
    np.testing.assert_allclose((high - low) / 2, 20)  # the 20th of 20


def test_range_of_a_column_is_that_of_all_points_that_a_member_was_trained_on(thermal, tmp_path):
    """As of members of several folds: the first sees 200 and 320 K, the second, among others, 280 and 400 K."""
    pair = thermal.pair
    first, second = (pair.points.columns.copy() for _ in range(2))
    train = pair.target.train
    low, high = (train.rows[pair.points.columns[train.rows, 0] == kelvin] for kelvin in (280, 320))
    first[low], second[high[:-1]] = 200, 400
    members = [
        dataclasses.replace(
            thermal, pair=dataclasses.replace(pair, points=dataclasses.replace(pair.points, columns=columns))
        )
        for columns in (first, second, second)
    ]
    export_model(members, members[0].pair, tmp_path / "export", {})
    distinct = [200] * 100 + [320] * 100 + [280] * 100 + [400] * 99  # the last molecule at 320 K is known to all
    (found,) = load_export(tmp_path / "export").columns.values()
    assert (found.minimum, found.maximum) == (200, 400)
    assert found.mean == pytest.approx(np.mean(distinct))
    assert "| temperature | 200 to 400 |" in (tmp_path / "export" / "README.md").read_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a value that was trained on is not outside
        load_predictor(tmp_path / "export").predict(["CCO", "CCO"], [[200.0], [400.0]])
    with pytest.warns(UserWarning, match="outside the range that the model was trained on, 200 to 400"):
        load_predictor(tmp_path / "export").predict(["CCO"], [[401.0]])


def test_config_tells_what_was_trained_on_what(export, member):
    info = json.loads((export / "config.json").read_text())
    assert (info["format"], info["split_hash"], info["data_hash"]) == (5, "hash", "data")
    assert info["sizes"]["target"] == {"train": 100, "validation": 10, "test": 10}
    assert info["members"][0]["trial"]["config"]["method"] == "stl"
    assert info["members"][0]["scaler"]["mean"] == pytest.approx(member.pair.target.train.value.mean())


def test_card_shows_data_hashes_and_numbers_with_their_intervals(member, tmp_path):
    evidence = {"test RMSE": dataclasses.asdict(Interval(0.51234, 0.4, 0.6)), "trials | all": 8}
    export_model([member], member.pair, tmp_path / "export", evidence)
    card = (tmp_path / "export" / "README.md").read_text()
    assert "| test RMSE | 0.5123 (0.4 to 0.6) |" in card
    assert "| trials \\| all | 8 |" in card
    assert "| `target_from_source` | `random` | `hash` | `data` |" in card
    assert "100 molecules for training, 10 for validation, 10 for test" in card
    assert "Intended use" in card
    assert "Limits" in card


def test_card_says_of_what_the_models_have_learnt(member, tmp_path):
    """A single-task model has learnt from its target, whatever source the pair names."""
    export_model([member], member.pair, tmp_path / "single", {})
    assert "Learnt from: the target only.\n" in (tmp_path / "single" / "README.md").read_text()
    info = json.loads((tmp_path / "single" / "config.json").read_text())
    assert info["sizes"]["sources"] == {}
    assert info["members"][0]["trial"]["pair"]["sources"][0]["property"] == "source"
    transfer = trained_member(tmp_path / "checkpoint", member.pair, epochs=1, method="mtl")
    export_model([member, transfer], member.pair, tmp_path / "both", {})
    card = (tmp_path / "both" / "README.md").read_text()
    size = len(member.pair.sources[0].train.value)
    assert f"Learnt from: source ({size} molecules); none of the target's validation and test molecules among" in card


def test_card_says_with_what_the_models_began(export):
    info = json.loads((export / "config.json").read_text())
    assert "pretrained" not in model_card(info)
    info["members"][0]["trial"]["config"]["embedding"]["pretrained"] = "descriptors"
    assert "Embeddings began with pretrained weights: descriptors." in model_card(info)


@pytest.mark.parametrize(
    ("split", "scale"), [("scaffold", "the target's training part"), ("scaffold-cv", "all labels")]
)
def test_card_says_what_errors_are_standardised_by(export, split, scale):
    info = json.loads((export / "config.json").read_text()) | {"split": split}
    assert f"RMSE without a unit is\nstandardised by {scale}." in model_card(info)


def test_card_says_what_must_be_known_of_how_a_member_learns(member, tmp_path):
    flat = {"transfer": TransferConfig(frame=50), "curvature": CurvatureConfig(immersion="frame")}
    other = trained_member(tmp_path / "checkpoint", member.pair, epochs=1, method="gear", **flat)
    export_model([member, other, other], member.pair, tmp_path / "export", {})
    (note,) = json.loads((tmp_path / "export" / "config.json").read_text())["notes"]
    assert note.startswith("gear: curvature is identically zero")
    assert f"Of the members: {note}.\n" in (tmp_path / "export" / "README.md").read_text()


def test_card_of_a_cross_validation_says_what_was_tested(export):
    info = json.loads((export / "config.json").read_text())
    assert "cross-validation" not in model_card(info)
    card = model_card({**info, "split": "scaffold-cv-n60"})
    assert "predicted there by models of a search that did not see its label" in " ".join(card.split())


def test_card_begins_with_warnings_where_there_are_any(member, tmp_path):
    warnings = ["gear does not beat an untuned support vector machine", "in training, the metric loss is still 2"]
    export_model([member], member.pair, tmp_path / "export", {"test RMSE": 0.5, "warnings": warnings})
    card = (tmp_path / "export" / "README.md").read_text()
    assert f"## Warnings\n\n- G{warnings[0][1:]}.\n- I{warnings[1][1:]}.\n" in card
    assert card.index("## Warnings") < card.index("## Data")
    assert "| warnings |" not in card
    export_model([member], member.pair, tmp_path / "fine", {"test RMSE": 0.5})
    assert "Warnings" not in (tmp_path / "fine" / "README.md").read_text()


def test_ensemble_predicts_the_mean_of_its_members_each_with_its_own_scaler(ensemble, ensemble_export, tmp_path):
    alone = []
    for index, member in enumerate(ensemble):
        export_model([member], member.pair, tmp_path / str(index), {})
        alone.append(load_predictor(tmp_path / str(index)).predict(SMILES))
    assert len({scaler for _, scaler in load_predictor(ensemble_export).models}) == 3
    found = load_predictor(ensemble_export).assess(SMILES)
    np.testing.assert_allclose(found.value, np.mean(alone, axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.spread, np.std(alone, axis=0, ddof=1), rtol=1e-4)
    assert "the mean of 3 models" in (ensemble_export / "README.md").read_text()


def test_members_count_by_their_weights_in_mean_and_spread(ensemble, tmp_path):
    weighted = [dataclasses.replace(member, weight=w) for member, w in zip(ensemble, (3, 1, 2), strict=True)]
    export_model(weighted, ensemble[0].pair, tmp_path / "blend", {})
    alone = []
    for index, member in enumerate(ensemble):
        export_model([member], member.pair, tmp_path / str(index), {})
        alone.append(load_predictor(tmp_path / str(index)).predict(SMILES))
    shares = np.array([1 / 2, 1 / 6, 1 / 3])
    found = load_predictor(tmp_path / "blend").assess(SMILES)
    mean = shares @ np.array(alone)
    np.testing.assert_allclose(found.value, mean, rtol=1e-6)
    spread = np.sqrt(shares @ (np.array(alone) - mean) ** 2 / (1 - shares @ shares))
    np.testing.assert_allclose(found.spread, spread, rtol=1e-4)
    assert "the weighted mean of 3 models" in (tmp_path / "blend" / "README.md").read_text()


@pytest.mark.parametrize("name", ["format1-gear", "format1-stl", "format2-gear", "format3-gear", "format4-stl"])
def test_folder_of_an_older_format_predicts_what_it_predicted_then(name):
    expected = json.loads((OLDER / f"{name}.predictions.json").read_text())
    assert f"format{load_export(OLDER / name).info['format']}" in name
    found = load_predictor(OLDER / name).assess(list(expected))
    np.testing.assert_allclose(found.value, list(expected.values()), rtol=1e-5)
    assert np.isnan(found.similarity).all() == (name < "format3")
    members = load_export(OLDER / name).members
    assert [member.weight for member in members] == [1 / len(members)] * len(members)
    assert np.isnan(found.spread).all() == (len(members) == 1)
    assert (len(members) == 2) == (name == "format4-stl")


@pytest.mark.parametrize(("method", "warm"), [("gear", (True, 2)), ("stl", (False, 20))])
def test_warm_start_of_the_first_format_is_told_as_today(method, warm):
    training = load_export(OLDER / f"format1-{method}").members[0].model.config.training
    assert (training.warm_start, training.source_epochs) == warm


@pytest.mark.parametrize("name", FILES)
def test_changed_file_is_refused(export, name):
    path = export / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError, match=f"{name} does not match"):
        load_export(export)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_refused(export, name):
    (export / name).unlink()
    with pytest.raises(StorageError, match=f"has no {name}"):
        load_export(export)


@pytest.mark.parametrize("name", FILES)
def test_file_without_a_checksum_is_refused(export, name):
    sums = json.loads((export / "checksums.json").read_text())
    del sums[name]
    (export / "checksums.json").write_text(json.dumps(sums))
    with pytest.raises(StorageError, match=f"{name} does not match"):
        load_export(export)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "README.md"])
def test_changed_file_of_an_older_format_is_refused(name, tmp_path):
    shutil.copytree(OLDER / "format2-gear", tmp_path / "export")
    (tmp_path / "export" / name).write_bytes(b"{}")
    with pytest.raises(StorageError, match=f"{name} does not match"):
        load_export(tmp_path / "export")


@pytest.mark.parametrize("version", [99, 0, "3", None])
def test_unknown_format_is_refused_in_one_line(export, version):
    rewrite_config(export, format=version)
    with pytest.raises(StorageError, match=f"export format {version}, this version of gear reads 1 to {FORMAT}"):
        load_export(export)


def test_config_that_does_not_fit_the_weights_is_refused(export):
    members = json.loads((export / "config.json").read_text())["members"]
    members[0]["trial"]["config"]["embedding"]["width"] = 32
    rewrite_config(export, members=members)
    with pytest.raises(StorageError, match="cannot be loaded"):
        load_export(export)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"config.json": 1}', "\x00"])
def test_folder_that_is_no_export_is_refused(content, tmp_path):
    if content is not None:
        for name in ("checksums.json", "config.json"):
            (tmp_path / name).write_text(content)
    with pytest.raises(StorageError, match=r"is not an export folder|does not match"):
        load_export(tmp_path)


def test_nothing_but_the_core_is_needed(export, tmp_path):
    """Ray, Optuna, MLflow and boto3 cannot be imported, nor the rooms that need them."""
    (tmp_path / "in.csv").write_text("smiles\nCCO\nc1ccccc1\n")
    command = ["gear.predict", export, tmp_path / "in.csv", "--out", tmp_path / "out.csv"]
    for code, args in (
        ("runpy.run_module('gear.predict', run_name='__main__')", command),
        ("runpy.run_path(sys.argv[0])", [export / "usage.py"]),
    ):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT + code, *map(str, args)], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    expected = load_predictor(export).predict(["CCO"])[0]
    assert done.stdout.splitlines()[0].startswith("target kJ/mol CCO ")
    assert float(done.stdout.split()[3]) == pytest.approx(expected, rel=1e-5)
    assert float((tmp_path / "out.csv").read_text().splitlines()[1].split(",")[1]) == pytest.approx(expected, rel=1e-5)


def test_folder_is_replaced_whole_or_left_as_it_was(tmp_path):
    folder = tmp_path / "state"
    write_folder(folder, lambda draft: (draft / "a").write_text("old"))

    def interrupted(draft):
        (draft / "a").write_text("new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, interrupted)
    assert (folder / "a").read_text() == "old"


def test_missing_checkpoint_is_a_clear_line(member, tmp_path):
    with pytest.raises(StorageError, match="no checkpoint in"):
        read_state(tmp_path / "nothing")
    absent = dataclasses.replace(member, checkpoint=tmp_path / "nothing")
    with pytest.raises(StorageError, match="no checkpoint in"):
        export_model([absent], member.pair, tmp_path / "export", {})
    assert not (tmp_path / "export").exists()


def test_weights_are_the_best_epochs_not_the_last(pair, tmp_path):
    """Of a run that ends worse than it was: its learning rate is far too high."""
    training = TrainingConfig(epochs=6, epoch_steps=1, batch_size=20, ema=0.0, learning_rate=0.3)
    run = TrainingRun(TrialConfig(method="stl", training=training), pair, "cpu")
    *_, last = run.epochs()
    assert 1 < last.best_epoch < last.epoch
    run.save(tmp_path / "checkpoint")
    tensors, _ = read_state(tmp_path / "checkpoint")

    def validation_rmse(prefix):
        load_module(run.average, tensors, prefix)
        return validation_losses(run.average, run.data)["target"] ** 0.5

    assert validation_rmse("best.") == pytest.approx(last.best_validation_rmse, rel=1e-6)
    assert validation_rmse("model.") == pytest.approx(last.validation_rmse, rel=1e-6)
    assert last.best_validation_rmse < 0.99 * last.validation_rmse
