"""The molecules that an embedding is pretrained on: those at hand, without any label."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from gear.data.cache import cache_folder, cached, read_table, write_table
from gear.data.molecules.molecule import MoleculeError, cell_text, identify, identity, is_organic
from gear.data.parallel import map_chunks
from gear.data.user_files.table_file import Cell, TableFile, open_table, require_smiles
from gear.errors import InputDataError

__all__ = ["OwnMolecules", "known_molecules", "own_molecules"]

COLUMN = "smiles"


class OwnMolecules(NamedTuple):
    """Distinct canonical SMILES of a user's files, sorted, and the number of rows that hold no usable one."""

    smiles: list[str]
    bad_rows: int


@functools.cache
def known_molecules() -> tuple[str, ...]:
    """Canonical SMILES, sorted, of all compounds of the package `chemicals` that the built-in tables would keep.

    They include every molecule of a built-in property. Computed at the first call and read from the cache after that.

    Raises:
        StorageError: the cache cannot be written.
    """
    path = cache_folder() / "pretrained" / "molecules.parquet"
    table, _ = cached(path, lambda place: read_table(place, [COLUMN]), lambda: _build(path))
    return tuple(str(text) for text in table[COLUMN].to_pylist())


def own_molecules(files: Sequence[Path], smiles_column: str = "smiles") -> OwnMolecules:
    """The molecules of a user's tables; a row whose SMILES cannot be used is left out and counted.

    Args:
        files: CSV, TSV or Parquet, plain or gzip.
        smiles_column: name of their column of SMILES.

    Raises:
        InputDataError: a file or its column cannot be used, or no row holds a molecule.
    """
    found: set[str] = set()
    bad_rows = 0
    for file in files:
        table = open_table(file, [smiles_column])
        column = require_smiles(table, smiles_column)
        for smiles in map_chunks(_identities, _cells(table, column), table.size, f"reading {file.name}"):
            usable = [text for text in smiles if text is not None]
            found.update(usable)
            bad_rows += len(smiles) - len(usable)
    if files and not found:
        raise InputDataError(f"no row of {', '.join(map(str, files))} holds a usable SMILES in '{smiles_column}'")
    return OwnMolecules(sorted(found), bad_rows)


def _build(path: Path) -> None:
    from gear.data.builtin.sources import identifiers  # pandas and all tables of chemicals: seconds

    compounds = sorted({smiles for smiles, _ in identifiers().values()})
    chunks = map_chunks(_organic, compounds, len(compounds), "identifying")
    write_table(path, pa.table({COLUMN: sorted(set().union(*chunks))}), len(compounds))


def _organic(smiles: Iterable[str]) -> list[str]:
    found = []
    for text in smiles:
        try:
            molecule = identify(text)
        except MoleculeError:
            continue
        if is_organic(molecule):
            found.append(molecule.smiles)
    return found


def _cells(table: TableFile, column: int) -> Iterator[Cell]:
    for row in table.rows:
        yield row.cells[column] if len(row.cells) == len(table.columns) else None


def _identities(cells: Iterable[Cell]) -> list[str | None]:
    found: list[str | None] = []
    for cell in cells:
        try:
            found.append(identity(cell_text(cell)))
        except MoleculeError:
            found.append(None)
    return found
