"""The table of predictions for held-out molecules, written and read back."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gear.errors import StorageError
from gear.evaluation.held_out import HeldOutPredictions, predictions_table, read_predictions
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
