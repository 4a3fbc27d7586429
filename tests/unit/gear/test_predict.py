"""Prediction: every row of a table answered in its place, whatever it holds."""

import csv
import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gear import predict, prediction
from gear.config import EmbeddingConfig
from gear.data import canonical_smiles, parallel
from gear.errors import InputDataError
from gear.export import export_model
from gear.label_scaler import Scaler
from gear.predict import load_predictor, predict_file
from tests.conftest import trained_member

GOOD = ["CCO", "c1ccccc1", "OCC", "CC(=O)O", "C[C@H](N)O", "[13CH3]CO", " CCN "]
BAD = ["nonsense(", "", "  ", "C C", "*CC", "[H][H]", "C" * 2001, "é", 'C"C', "C,C"]
OLDER = Path(__file__).parents[2] / "exports"
COLUMNS = ["prediction", "spread", "similarity", "unit", "reason"]


def run_predict(monkeypatch, capsys, *args):
    """Exit code and what the command printed."""
    monkeypatch.setattr(sys, "argv", ["predict", *map(str, args)])
    code = predict.main()
    return code, capsys.readouterr()


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory, member):
    folder = tmp_path_factory.mktemp("export") / "export"
    export_model([member], member.pair, folder, {})
    return load_predictor(folder)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(parallel, "CHUNK", 3)
    monkeypatch.setattr(parallel, "ALONE", 10**6)


def test_every_column_is_kept_and_the_answer_added(export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("id,smiles\n7,CCO\n8,CCCCO\n")
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert code == 0
    assert printed.out.startswith("2 of 2 molecules predicted (target, kJ/mol): ")
    assert printed.out.endswith("out.csv\n")
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["id", "smiles", *COLUMNS]
    assert [(row["id"], row["unit"], row["reason"], row["spread"]) for row in rows] == [
        ("7", "kJ/mol", "", ""),
        ("8", "kJ/mol", "", ""),
    ]
    found = load_predictor(export).assess(["CCO", "CCCCO"])
    np.testing.assert_allclose([float(row["prediction"]) for row in rows], found.value, rtol=1e-6)
    np.testing.assert_allclose([float(row["similarity"]) for row in rows], found.similarity)


def test_bad_smiles_keep_their_place_with_the_reason(export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("smiles,id\nnonsense(,1\nCCO,2\n*C,3\nCCN,4,5\n,6\n")
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert code == 0
    assert "1 of 5 molecules predicted" in printed.out
    assert "; 4 rows without a prediction, see the column reason" in printed.out
    rows = read_csv(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "6"]
    assert [row["reason"] for row in rows] == [
        "cannot parse SMILES 'nonsense('",
        "",
        "'*C' has a placeholder atom (*)",
        "3 cells where the header has 2",
        "no SMILES",
    ]
    assert [bool(row["prediction"]) for row in rows] == [not row["reason"] for row in rows]
    assert [bool(row["similarity"]) for row in rows] == [not row["reason"] for row in rows]


def test_strict_refuses_a_bad_row_and_leaves_nothing_behind(export, tmp_path, monkeypatch, capsys, small_chunks):
    (tmp_path / "in.csv").write_text("smiles\n" + "CCO\n" * 8 + "nonsense(\n")
    args = (export, tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--strict")
    code, printed = run_predict(monkeypatch, capsys, *args)
    assert code == 2
    assert "in.csv row 10: cannot parse SMILES 'nonsense('" in printed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "in.csv"]


@given(rows=st.lists(st.tuples(st.sampled_from(GOOD + BAD) | st.text(max_size=8), st.text(max_size=5))))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_rows_each_is_answered_once_and_in_its_place(rows, predictor, tmp_path, small_chunks):
    with (tmp_path / "in.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([("id", "smiles", "note"), *((i, *row) for i, row in enumerate(rows))])
    counts = predict_file(predictor, tmp_path / "in.csv", tmp_path / "out.csv")
    with (tmp_path / "in.csv").open(newline="", encoding="utf-8") as file:
        given_rows = list(csv.DictReader(file))
    found = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_bytes().decode(), newline="")))
    assert [{name: row[name] for name in ("id", "smiles", "note")} for row in found] == given_rows
    good = [canonical_smiles(row["smiles"].strip()) for row in found]
    assert [row["reason"] == "" for row in found] == [smiles is not None for smiles in good]
    assert counts[:2] == (len(rows), good.count(None))
    for row, smiles in zip(found, good, strict=True):
        if smiles is None:
            assert (row["prediction"], row["similarity"]) == ("", "")
        else:
            assert float(row["prediction"]) == pytest.approx(predictor.predict([smiles])[0], rel=1e-5)


@given(smiles=st.lists(st.sampled_from(GOOD + BAD), min_size=1))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_column_alone_keeps_its_empty_cells(smiles, predictor, tmp_path):
    filled = [text if text != "  " else "" for text in smiles]  # a line of blanks is no row
    with (tmp_path / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["smiles"], *([text] for text in filled)])
    predict_file(predictor, tmp_path / "in.csv", tmp_path / "out.csv")
    assert [row["smiles"] for row in read_csv(tmp_path / "out.csv")] == filled


def test_rows_come_back_in_order_from_other_processes(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "CHUNK", 4)
    monkeypatch.setattr(parallel, "ALONE", 1)
    monkeypatch.setattr(parallel, "usable_cpus", lambda: 2)
    smiles = ["C" * (1 + number % 17) + ("O" if number % 5 else "(") for number in range(60)]
    (tmp_path / "in.csv").write_text("smiles\n" + "\n".join(smiles) + "\n")
    assert predict_file(predictor, tmp_path / "in.csv", tmp_path / "out.csv")[:2] == (60, 12)
    rows = read_csv(tmp_path / "out.csv")
    assert [row["smiles"] for row in rows] == smiles
    good = [row for row in rows if not row["reason"]]
    expected = predictor.predict([row["smiles"] for row in good])
    np.testing.assert_allclose([float(row["prediction"]) for row in good], expected, rtol=1e-5)


def test_tables_of_every_kind_give_the_same(predictor, tmp_path):
    text = "id,smiles\n7,CCO\n8,bad(\n9,CCN\n"
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "b.tsv").write_text(text.replace(",", "\t"))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(text.encode()))
    pq.write_table(pa.table({"id": ["7", "8", "9"], "smiles": ["CCO", "bad(", "CCN"]}), tmp_path / "d.parquet")
    outputs = []
    for name in ("a.csv", "b.tsv", "c.csv.gz", "d.parquet"):
        predict_file(predictor, tmp_path / name, tmp_path / "out.csv")
        outputs.append((tmp_path / "out.csv").read_text())
    assert len(set(outputs)) == 1


def test_parquet_keeps_types_and_leaves_what_is_not_known_empty(predictor, tmp_path):
    table = pa.table(
        {
            "id": pa.array([3, None, 5], pa.int32()),
            "smiles": ["CCO", None, "CCN"],
            "when": pa.array([0, 1, 2], pa.timestamp("s")),
            "tags": [["a"], [], None],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    predict_file(predictor, tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(table.column_names).equals(pq.read_table(tmp_path / "in.parquet"))
    assert found.column_names[len(table.column_names) :] == COLUMNS
    assert found["reason"].to_pylist() == ["", "no SMILES", ""]
    assert found["prediction"].null_count == 1
    assert found["spread"].null_count == 3
    np.testing.assert_allclose(found["prediction"].drop_null().to_numpy(), predictor.predict(["CCO", "CCN"]), rtol=1e-6)


def test_empty_table_gives_an_empty_one(predictor, tmp_path):
    (tmp_path / "in.csv").write_text("smiles\n")
    for name in ("out.csv", "out.parquet"):
        assert predict_file(predictor, tmp_path / "in.csv", tmp_path / name)[:2] == (0, 0)
    assert (tmp_path / "out.csv").read_text().strip() == ",".join(["smiles", *COLUMNS])
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_file_may_be_replaced_by_its_own_predictions(predictor, tmp_path):
    (tmp_path / "in.csv").write_text("smiles\nCCO\nCCN\n")
    predict_file(predictor, tmp_path / "in.csv", tmp_path / "in.csv")
    assert [row["smiles"] for row in read_csv(tmp_path / "in.csv")] == ["CCO", "CCN"]


def test_ensemble_tells_its_spread(ensemble_export, tmp_path):
    predictor = load_predictor(ensemble_export)
    (tmp_path / "in.csv").write_text("smiles\nCCO\n(\nCCN\n")
    predict_file(predictor, tmp_path / "in.csv", tmp_path / "out.csv")
    told = [row["spread"] for row in read_csv(tmp_path / "out.csv")]
    assert told[1] == ""
    np.testing.assert_allclose([float(told[0]), float(told[2])], predictor.assess(["CCO", "CCN"]).spread, rtol=1e-4)


def test_interval_adds_its_ends_around_the_prediction(calibrated_export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("smiles\nCCO\n(\nCCN\n")
    args = (calibrated_export, tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--interval")
    assert run_predict(monkeypatch, capsys, *args, 90)[0] == 0
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["smiles", "prediction", "low", "high", *COLUMNS[1:]]
    assert (rows[1]["low"], rows[1]["high"]) == ("", "")
    model = load_predictor(calibrated_export)
    found = model.assess(["CCO", "CCN"])
    low, high = model.interval(found, 90)
    np.testing.assert_allclose([float(row["low"]) for row in rows[::2]], low, rtol=1e-5)
    np.testing.assert_allclose([float(row["high"]) for row in rows[::2]], high, rtol=1e-5)
    assert (low < found.value).all()
    assert (found.value < high).all()
    narrow = model.interval(found, 50)
    assert (low < narrow[0]).all()
    assert (narrow[1] < high).all()


def test_interval_that_the_model_cannot_give_is_one_line(calibrated_export, export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("smiles\nCCO\n")
    for folder, level, message in (
        (export, 90, "holds no calibration of prediction intervals: export the model again"),
        (OLDER / "format3-gear", 90, "format3-gear (export format 3) holds no calibration of prediction intervals"),
        (calibrated_export, 95, "needs at least 19 validation molecules and this model has 10: ask for at most 90.9 %"),
        (calibrated_export, 0.9, "an interval of 0.9 %: give a percentage"),
    ):
        args = (folder, tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--interval", level)
        code, printed = run_predict(monkeypatch, capsys, *args)
        assert code == 2
        assert message in printed.err
        assert printed.err.count("\n") == 1
        assert not (tmp_path / "out.csv").exists()


def test_training_molecule_has_similarity_one_and_another_kind_little(predictor, member):
    trained = list(member.pair.target.train.smiles)
    found = predictor.assess([*trained, "FC(F)(F)S(=O)(=O)c1nnn(Cl)c1I"]).similarity
    np.testing.assert_array_equal(found[:-1], 1.0)
    assert found[-1] < 0.3


@pytest.mark.parametrize("kind", ["descriptors", "fingerprint", "text", "dmpnn+descriptors"])
def test_every_input_of_a_model_is_made_ready(kind, pair, tmp_path):
    member = trained_member(tmp_path / "checkpoint", pair, epochs=1, embedding=EmbeddingConfig(kind, width=8))
    export_model([member], pair, tmp_path / "export", {})
    (tmp_path / "in.csv").write_text("smiles\nOCC\nbad(\nCCN\n")
    predictor = load_predictor(tmp_path / "export")
    assert predict_file(predictor, tmp_path / "in.csv", tmp_path / "out.csv")[:2] == (3, 1)
    assert np.isfinite(predictor.predict(["CCO", "CCN"])).all()


def test_predicting_in_pieces_changes_nothing(export, monkeypatch):
    smiles = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCC"]
    whole = load_predictor(export).assess(smiles)
    for pieces in (load_predictor(export, batch_size=2), load_predictor(export)):
        monkeypatch.setattr(prediction, "CHUNK", 3)
        for a, b in zip(pieces.assess(smiles)[:3], whole[:3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    assert load_predictor(export).predict([]).shape == (0,)


def test_assess_gives_a_reason_for_each_molecule_that_cannot_be_predicted(ensemble_export, monkeypatch):
    smiles = ["CCO", "bad(", "CCN", None, float("nan"), ""]
    monkeypatch.setattr(prediction, "CHUNK", 2)
    model = load_predictor(ensemble_export)
    found, fine = model.assess(smiles), model.assess(["CCO", "CCN"])
    assert found.reason.tolist() == [
        "",
        "cannot parse SMILES 'bad('",
        "",
        "no SMILES",
        "nan is not a SMILES",
        "no SMILES",
    ]
    for numbers, expected in zip(found[:3], fine[:3], strict=True):
        np.testing.assert_allclose(numbers[[0, 2]], expected, rtol=1e-5)
        assert np.isnan(numbers[[1, 3, 4, 5]]).all()
    assert fine.reason.tolist() == ["", ""]
    assert [len(part) for part in model.assess([])] == [0, 0, 0, 0]


def test_a_text_in_place_of_a_list_is_refused(predictor):
    for ask in (predictor.predict, predictor.assess):
        with pytest.raises(InputDataError, match=r"give a list of SMILES, \['CCO'\], not a single text"):
            ask("CCO")


def test_intervals_of_molecules_without_a_prediction_are_empty(calibrated_export):
    model = load_predictor(calibrated_export)
    low, high = model.interval(model.assess(["bad(", "CCO"]), 90)
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < high[1]


def test_output_is_input_again_and_its_columns_stay(predictor, tmp_path, monkeypatch):
    (tmp_path / "0.csv").write_text("id,smiles\n7,CCO\n8,bad(\n")
    said = []
    for number in range(3):
        counts = predict_file(predictor, tmp_path / f"{number}.csv", tmp_path / f"{number + 1}.csv", warn=said.append)
        assert counts.bad == 1
    rows = read_csv(tmp_path / "3.csv")
    again = [[f"{prefix}{name}" for name in COLUMNS] for prefix in ("", "target_", "target_2_")]
    assert list(rows[0]) == ["id", "smiles", *again[0], *again[1], *again[2]]
    assert len({tuple(rows[0][name] for name in names) for names in again}) == 1
    assert said == [
        f"{tmp_path / '1.csv'} has a column 'prediction' already: the columns that are added begin with target_",
        f"{tmp_path / '2.csv'} has a column 'prediction' already: the columns that are added begin with target_2_",
    ]


@pytest.mark.parametrize("taken", COLUMNS)
def test_a_column_of_any_added_name_is_kept(taken, export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text(f"smiles,{taken}\nCCO,mine\n(,yours\n")
    args = (export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    code, printed = run_predict(monkeypatch, capsys, *args)
    assert code == 0
    assert printed.err.count("\n") == 1
    assert f"has a column '{taken}' already: the columns that are added begin with target_" in printed.err
    assert "see the column target_reason" in printed.out
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["smiles", taken, *(f"target_{name}" for name in COLUMNS)]
    assert [row[taken] for row in rows] == ["mine", "yours"]


def test_prefix_begins_every_added_column_and_is_never_replaced(export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text("smiles,unit\nCCO,K\n")
    args = (export, tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--prefix")
    code, printed = run_predict(monkeypatch, capsys, *args, "hv: ")
    assert (code, printed.err) == (0, "")
    assert list(read_csv(tmp_path / "out.csv")[0]) == ["smiles", "unit", *(f"hv: {name}" for name in COLUMNS)]
    (tmp_path / "out.csv").unlink()
    code, printed = run_predict(monkeypatch, capsys, *args, "")
    assert code == 2
    assert "in.csv has a column 'unit', which predictions add: give another --prefix" in printed.err
    assert not (tmp_path / "out.csv").exists()


def test_formulas_are_texts_for_a_spreadsheet_where_that_is_asked_for(export, tmp_path, monkeypatch, capsys):
    cells = [
        '=HYPERLINK("http://a.b";"c")',
        "+1+2",
        "-1.5",
        "+3",
        "@SUM(A1)",
        "-2+3|x",
        "a=b",
        "\t=1",
        " =1",
        "1e5",
        "",
    ]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["smiles", "=note"], *(["CCO", cell] for cell in cells)])
    args = (export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert run_predict(monkeypatch, capsys, *args)[0] == 0
    assert [row["=note"] for row in read_csv(tmp_path / "out.csv")] == cells
    assert run_predict(monkeypatch, capsys, *args, "--safe-for-excel")[0] == 0
    rows = read_csv(tmp_path / "out.csv")
    formulas = {cells[place] for place in (0, 1, 4, 5, 7, 8)}
    assert [row["'=note"] for row in rows] == [f"'{cell}" if cell in formulas else cell for cell in cells]
    assert all(float(row["prediction"]) for row in rows)


def test_predictor_refuses_what_it_cannot_use(export, monkeypatch):
    with pytest.raises(InputDataError, match="molecule 1: cannot parse SMILES 'bad\\('; `assess` predicts the others"):
        load_predictor(export).predict(["CCO", "bad("])
    with pytest.raises(InputDataError, match="a batch of 0 molecules"):
        load_predictor(export, batch_size=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputDataError, match="device cuda: PyTorch finds no GPU"):
        load_predictor(export, device="cuda")


def test_number_that_is_none_is_told_as_a_reason(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(Scaler, "to_units", lambda self, values: np.full(values.shape, np.inf))
    (tmp_path / "in.csv").write_text("smiles\nCCO\nbad(\nCCN\n")
    assert predict_file(predictor, tmp_path / "in.csv", tmp_path / "out.csv")[:2] == (3, 3)
    assert [row["prediction"] for row in read_csv(tmp_path / "out.csv")] == ["", "", ""]
    assert read_csv(tmp_path / "out.csv")[2]["reason"] == prediction.NOT_FINITE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name\nx\n", "has no column 'smiles' (it has: name)"),
        ("", "is empty"),
        ("smiles,smiles\nCCO,K\n", "has 2 columns 'smiles'"),
    ],
)
def test_table_that_cannot_be_used_is_one_line(content, message, export, tmp_path, monkeypatch, capsys):
    (tmp_path / "in.csv").write_text(content)
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("file", "out", "message"),
    [
        ("no.csv", "out.csv", "cannot read"),
        ("in.csv", "no/out.csv", "cannot write"),
        ("in.csv", "folder.csv", "cannot write"),
        ("in.csv", "out.xlsx", "ends in .csv or .parquet"),
        ("late.csv", "out.csv", "late.csv row 12: byte 0xff is not UTF-8"),
    ],
)
def test_missing_input_and_unwritable_output_are_one_line(
    file, out, message, export, tmp_path, monkeypatch, capsys, small_chunks
):
    (tmp_path / "in.csv").write_text("smiles\nCCO\n")
    (tmp_path / "late.csv").write_bytes(b"smiles\n" + b"CCO\n" * 10 + b"\xff\n")
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.iterdir())
    code, printed = run_predict(monkeypatch, capsys, export, tmp_path / file, "--out", tmp_path / out)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
