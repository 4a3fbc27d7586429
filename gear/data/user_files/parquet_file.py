"""Reads Parquet tables in pieces of bounded size: a file of kilobytes can hold gigabytes of equal values.

Texts are read as dictionaries, so that a value that is there many times is in memory once. What a file says of itself
is compared with its size before anything is read, and what is read before it becomes Python values.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gear.data.user_files.unpacking import ROW, UNPACKED, check_unpacked
from gear.errors import InputDataError

__all__ = ["open_parquet", "parquet_rows"]

ROWS = 10_000  # read at once
TEXTS = ("STRING", "ENUM", "JSON", "BSON", "NONE")  # logical types that can be read as dictionaries


def open_parquet(path: Path) -> tuple[pa.Schema, int]:
    """The columns of a Parquet file and the number of its rows.

    Raises:
        InputDataError: the file is damaged, or unpacks to too much.
    """
    try:
        with pq.ParquetFile(path) as file:
            groups = (file.metadata.row_group(index) for index in range(file.num_row_groups))
            chunks = (group.column(index) for group in groups for index in range(group.num_columns))
            unpacked = sum(max(chunk.total_uncompressed_size, chunk.num_values) for chunk in chunks)
            rows, schema = file.metadata.num_rows, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise InputDataError(f"{path} is a damaged Parquet file ({_first_line(error)})") from error
    check_unpacked(path, path.stat().st_size, unpacked + rows * ROW)
    return schema, rows


def parquet_rows(path: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The cells of each row, with its number from 1 on.

    Raises:
        InputDataError: the file is damaged, or unpacks to too much.
    """
    number = unpacked = 0
    try:
        packed = path.stat().st_size
        with pq.ParquetFile(path) as plain:
            leaves = [plain.schema.column(index) for index in range(len(plain.schema))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type in TEXTS]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for batch in file.iter_batches(ROWS):
                size = sum(map(_size, batch.columns)) + batch.num_rows * ROW
                unpacked += size
                check_unpacked(path, packed, unpacked)
                step = max(batch.num_rows * UNPACKED // max(size, UNPACKED), 1)
                for start in range(0, batch.num_rows, step):
                    for cells in zip(*map(_cells, batch.slice(start, step).columns), strict=True):
                        number += 1
                        yield number, cells
    except (pa.ArrowException, OSError) as error:
        raise InputDataError(f"{path} is damaged after row {number} ({_first_line(error)})") from error


def _size(column: Any) -> int:  # noqa: ANN401 - an array of any type
    """Bytes of the texts in a column, each as often as it is there; any other value counts as one byte."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        used = column.indices.drop_null().to_numpy()
        return len(column) + int(_lengths(column.dictionary)[used].sum())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return len(column) + _size(column.flatten())
    if pa.types.is_map(kind):
        return len(column) + _size(column.keys) + _size(column.items)
    if pa.types.is_struct(kind):
        return sum(_size(field) for field in column.flatten())
    return len(column) + int(_lengths(column).sum())


def _lengths(values: Any) -> np.ndarray:  # noqa: ANN401 - an array of any type
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        found: np.ndarray = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return found
    return np.zeros(len(values), np.int64)


def _cells(column: Any) -> list[Any]:  # noqa: ANN401 - an array of any type
    """The values of a column; those of a dictionary are made once for all rows that have them."""
    if not pa.types.is_dictionary(column.type):
        cells: list[Any] = column.to_pylist()
        return cells
    indices: np.ndarray = column.indices.fill_null(-1).to_numpy()
    used, place = np.unique(indices, return_inverse=True)
    values = column.dictionary.take(pa.array(used[used >= 0])).to_pylist()
    values = [None] * int((used < 0).sum()) + values
    return [values[index] for index in place.tolist()]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
