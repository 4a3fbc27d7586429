"""A split as a table, to be kept beside the results that hang on it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from gear.data.cache import write_table
from gear.data.pairs import PairData

__all__ = ["save_split", "split_table"]

COLUMNS: dict[str, pa.DataType] = {
    "task": pa.string(),
    "part": pa.string(),
    "smiles": pa.string(),
    "value": pa.float64(),
}


def split_table(pair: PairData) -> pa.Table:
    """Every molecule of every part. Columns: task (target, source), part, smiles, value (in units, as trained on)."""
    tables = []
    for task_name, task in (("target", pair.target), ("source", pair.source)):
        for part_name, part in (("train", task.train), ("validation", task.validation), ("test", task.test)):
            columns: dict[str, Sequence[object]] = {
                "task": [task_name] * len(part.value),
                "part": [part_name] * len(part.value),
                "smiles": list(part.smiles),
                "value": list(part.value),
            }
            tables.append(pa.table(columns, schema=pa.schema(COLUMNS)))
    return pa.concat_tables(tables)


def save_split(path: Path, pair: PairData) -> None:
    """Write a split as Parquet, with its names and hashes as the file's metadata.

    Raises:
        StorageError: the place cannot be written.
    """
    facts = {
        "pair": pair.id,
        "split": pair.split,
        "seed": pair.seed,
        "split_hash": pair.split_hash,
        "data_hash": pair.data_hash,
    }
    write_table(path, split_table(pair), facts)
