"""The table of predictions for held-out molecules, written and read back."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gear.errors import StorageError
from gear.evaluation.held_out import HeldOutPredictions, out_of_fold, predictions_table, read_predictions
from gear.label_scaler import Scaler


def file_of(table):
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    return file


def test_parts_are_read_back_as_they_were_written():
    smiles = np.array(["C", "CC", "CCC"], object)
    part = np.array(["validation", "test", "test"])
    numbers = np.array([1.0, 2.0, 3.0])
    held_out = HeldOutPredictions(smiles, part, numbers, numbers + 0.5, np.full(3, np.nan), Scaler(0, 1, log10=False))
    found = read_predictions(file_of(predictions_table(held_out)), "a file")
    assert list(found) == ["validation", "test"]
    assert list(found["test"].smiles) == ["CC", "CCC"]
    assert list(found["test"].true) == [2.0, 3.0]
    assert list(found["test"].error) == [0.5, 0.5]


def test_rows_that_are_not_finite_are_left_out():
    columns = {"smiles": ["C", "CC"], "value": [1.0, 2.0], "prediction": [np.nan, 2.5], "part": ["validation", "test"]}
    assert list(read_predictions(file_of(pa.table(columns)), "a file")) == ["test"]


@pytest.mark.parametrize("content", [b"no table", file_of(pa.table({"smiles": ["C"]})).getvalue()])
def test_another_file_is_refused_by_its_name(content):
    with pytest.raises(StorageError, match=r"x\.parquet holds no predictions"):
        read_predictions(io.BytesIO(content), "x.parquet")


def test_out_of_fold_takes_each_molecule_from_those_validated_on_it() -> None:
    """Mean and spread where several members were, one prediction where one was, never the test part."""
    scaler, nan = Scaler(0, 1, log10=False), np.full(2, np.nan)
    members = [
        HeldOutPredictions(
            np.array(smiles, object),
            np.array([part, "test"]),
            np.array([value, 9.0]),
            np.array([found, 0.0]),
            nan,
            scaler,
        )
        for smiles, part, value, found in (
            (["CO", "C"], "validation", 1.0, 2.0),
            (["CC", "C"], "validation", 3.0, 5.0),
            (["CO", "C"], "validation", 1.0, 4.0),
        )
    ]
    found = out_of_fold(members)
    assert found.smiles.tolist() == ["CC", "CO"]
    assert found.value.tolist() == [3.0, 1.0]
    assert found.prediction.tolist() == [5.0, 3.0]
    assert np.isnan(found.spread[0])
    assert found.spread[1] == np.std([2, 4], ddof=1)
    assert set(found.part) == {"validation"}
    found = out_of_fold(members, np.array([3.0, 1.0, 1.0]))
    assert found.prediction.tolist() == [5.0, 2.5]  # three parts of 2 and one of 4
    assert np.isnan(found.spread[0])
    assert found.spread[1] == pytest.approx(np.sqrt((0.75 * 0.25 + 0.25 * 2.25) / (1 - 0.75**2 - 0.25**2)))


def at_temperatures(*rows: tuple[str, float, float, float]) -> HeldOutPredictions:
    """Validation predictions: SMILES, temperature, value, prediction."""
    smiles, temperature, value, found = map(np.array, zip(*rows, strict=True))
    columns = np.repeat("validation", len(rows)), value, found, np.full(len(rows), np.nan)
    features = {"temperature": temperature}
    return HeldOutPredictions(smiles.astype(object), *columns, Scaler(0, 1, log10=False), features)


def test_feature_columns_are_read_back_and_other_columns_are_none() -> None:
    """Whatever else a table holds, only marked columns are features."""
    table = predictions_table(at_temperatures(("C", 280, 1, 2), ("C", 300, 3, 4)))
    assert table.column_names[-1] == "temperature"
    table = table.append_column("similarity", pa.array([0.5, 0.5]))
    part = read_predictions(file_of(table), "a file")["validation"]
    assert {name: column.tolist() for name, column in part.features.items()} == {"temperature": [280, 300]}
    assert part.keys == [("C", 280), ("C", 300)]


def test_out_of_fold_keeps_the_points_of_a_molecule_apart() -> None:
    """Only equal points are averaged."""
    members = [
        at_temperatures(("CO", 300, 1, 2), ("CO", 280, 3, 5)),
        at_temperatures(("CO", 300, 1, 4), ("CC", 300, 6, 6)),
    ]
    found = out_of_fold(members)
    assert found.smiles.tolist() == ["CC", "CO", "CO"]
    assert found.features["temperature"].tolist() == [300, 280, 300]
    assert found.value.tolist() == [6, 3, 1]
    assert found.prediction.tolist() == [6, 5, 3]
