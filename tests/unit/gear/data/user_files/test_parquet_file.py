"""Parquet tables: what is in them comes back, and files of kilobytes that hold gigabytes are one line."""

import datetime
import decimal
import time
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gear.data.user_files import unpacking
from gear.data.user_files.table_file import open_table
from gear.errors import InputDataError

TYPES = {
    "texts": pa.array(["a", None, "", "ä"]),
    "large texts": pa.array(["a", None, "", "ä"], pa.large_string()),
    "categories": pa.array(["a", None, "a", "b"]).dictionary_encode(),
    "categories of numbers": pa.array([7, None, 7, 8]).dictionary_encode(),
    "bytes": pa.array([b"a", None, b"", b"\xff"]),
    "whole numbers": pa.array([1, None, -3, 4], pa.int8()),
    "numbers": pa.array([1.5, None, float("inf"), -0.0]),
    "decimals": pa.array([decimal.Decimal("1.50"), None] * 2, pa.decimal128(10, 2)),
    "dates": pa.array([datetime.date(2020, 1, 2), None] * 2),
    "lists": pa.array([[1, None], None, [], [2]]),
    "lists of texts": pa.array([["a", "a"], None, [], [None]]),
    "structs": pa.array([{"a": "x", "b": 1}, None, {"a": None, "b": None}, {"a": "y", "b": 2}]),
    "maps": pa.array([[("a", 1)], None, [], [("b", None)]], pa.map_(pa.string(), pa.int32())),
    "nothing": pa.nulls(4),
    "truths": pa.array([True, None, False, True]),
}


@pytest.mark.parametrize("unpacked", [16 * 2**20, 1])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_comes_back_as_it_is(tmp_path, monkeypatch, name, unpacked):
    """However small the pieces are in which it becomes Python values."""
    monkeypatch.setattr("gear.data.user_files.parquet_file.UNPACKED", unpacked)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"smiles": ["C", "CC", "CCC", "CCCC"], name: TYPES[name]}), path)
    table = open_table(path)
    assert table.columns == ("smiles", name)
    assert table.types[1] == pq.read_schema(path).types[1]
    assert [row.line for row in table.rows] == [1, 2, 3, 4]
    assert [row.cells[1] for row in open_table(path).rows] == TYPES[name].to_pylist()


ROWS = 1000
MAP = pa.map_(pa.string(), pa.string())
HUGE = ["x" * 2**25, *[""] * (ROWS - 1)]


def same(values):
    """One value for all rows."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), values)


BOMBS = {
    "one text in every row": lambda: {"note": same(pa.array(["x" * 100_000]))},
    "one list of texts in every row": lambda: {"note": pa.array([["x" * 50_000, "y"]] * ROWS)},
    "one struct in every row": lambda: {"note": pa.array([{"a": "x" * 50_000}] * ROWS)},
    "one map in every row": lambda: {"note": pa.array([[("x", "y" * 50_000)]] * ROWS, MAP)},
    "long lists": lambda: {"note": pa.array([[0] * 10_000] * ROWS)},
    "a huge cell": lambda: {"note": pa.array(HUGE)},
    "a huge cell without a dictionary": lambda: {"note": pa.array(HUGE, pa.large_string())},
    "one long molecule in every row": lambda: {"smiles": same(pa.array(["C" * 20_000])).cast(pa.string())},
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_line_in_bounded_time_and_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr(unpacking, "UNPACKED", 2**20)
    path = tmp_path / "bomb.parquet"
    columns = {"smiles": [f"C{'C' * (row % 50)}O" for row in range(ROWS)], "value": [1.0 * row for row in range(ROWS)]}
    plain = "without" in name
    pq.write_table(pa.table(columns | BOMBS[name]()), path, compression="zstd", use_dictionary=not plain)
    assert path.stat().st_size < 50_000
    begin, held = time.process_time(), pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(InputDataError, match=r"bomb\.parquet unpacks to more than 200 times its size") as caught:
            for _ in open_table(path).rows:
                pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2**20  # of 10 to 100 MiB that it unpacks to
    assert pa.total_allocated_bytes() - held < 2**20
    assert time.process_time() - begin < 10
    assert "\n" not in str(caught.value)


def test_many_equal_rows_are_a_bomb_too(tmp_path):
    path = tmp_path / "bomb.parquet"
    part = pa.table({"smiles": same(pa.array(["C"])).cast(pa.string()), "value": [1.0] * ROWS})
    with pq.ParquetWriter(path, part.schema, compression="zstd") as writer:
        writer.write_table(pa.concat_tables([part] * 1000))
    with pytest.raises(InputDataError, match="unpacks to more than"):
        open_table(path)


def test_a_wide_table_of_sparse_numbers_is_none(tmp_path, monkeypatch):
    """As of fingerprints, which compress well."""
    monkeypatch.setattr(unpacking, "UNPACKED", 2**16)
    path = tmp_path / "bits.parquet"
    bits = {f"bit {column}": [int(row * 7919 % (column + 40) == 0) for row in range(ROWS)] for column in range(300)}
    smiles = [f"C{'C' * (row % 50)}O{'C' * (row // 50)}" for row in range(ROWS)]
    pq.write_table(pa.table({"smiles": smiles, **bits}), path)
    assert sum(1 for _ in open_table(path).rows) == ROWS
