"""A split as a table, to be kept with the results that depend on it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from gear.data.cache import write_table
from gear.data.pairs import PairData
from gear.data.task import PARTS

__all__ = ["save_split", "split_table"]

COLUMNS: dict[str, pa.DataType] = {
    "role": pa.string(),
    "task": pa.string(),
    "part": pa.string(),
    "smiles": pa.string(),
    "value": pa.float64(),
}


def split_table(pair: PairData) -> pa.Table:
    """Every molecule of every part. Columns: role (target, source), task, part, smiles, value (in units), features."""
    schema = pa.schema(COLUMNS | dict.fromkeys(pair.features, pa.float64()))
    tables = []
    for role, task in (("target", pair.target), *(("source", source) for source in pair.sources)):
        for name, part in zip(PARTS, task.parts(), strict=True):
            columns: dict[str, Sequence[object]] = {
                "role": [role] * len(part.value),
                "task": [task.property] * len(part.value),
                "part": [name] * len(part.value),
                "smiles": list(part.smiles),
                "value": list(part.value),
                **{name: list(column) for name, column in pair.features_of(part).items()},
            }
            tables.append(pa.table(columns, schema=schema))
    return pa.concat_tables(tables)


def save_split(path: Path, pair: PairData) -> None:
    """Write a split as Parquet, with its names and hashes as the file's metadata.

    Raises:
        StorageError: the file cannot be written.
    """
    facts = {
        "pair": pair.id,
        "split": pair.split,
        "seed": pair.seed,
        "split_hash": pair.split_hash,
        "data_hash": pair.data_hash,
    }
    write_table(path, split_table(pair), facts)
