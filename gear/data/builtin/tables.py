"""The tables of the built-in properties, built once from the installed packages and cached as Parquet."""

import functools
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from gear.data.builtin.chemicals_tables import Source
from gear.data.builtin.consistency import Ceiling, drop_contradictions
from gear.data.builtin.properties import PROPERTIES, get_property
from gear.data.builtin.voting import Entry, Vote, in_range, merge_molecules, vote
from gear.data.cache import cache_folder, cached, content_key, read_table, write_table
from gear.data.molecules.molecule import Molecule, MoleculeError, identify, is_organic
from gear.data.parallel import map_chunks
from gear.data.task import TaskTable, packed

__all__ = ["WITHOUT", "Step", "build_tables", "built_in_task", "cleaning_steps", "is_built", "load_property"]

WITHOUT = "without: "  # prefix of the name of a step that drops what a rule of `gear.data.builtin.consistency` found
MOLECULES = "molecules"  # name of the file with the parents, scaffold groups and keys of all molecules
COLUMNS = {code: Entry._fields for code in PROPERTIES} | {MOLECULES: ("smiles", "parent", "scaffold", "key")}


class Step(NamedTuple):
    """A step of cleaning, and how many substances (after merging: molecules) it left."""

    name: str
    left: int


@functools.cache
def load_property(code: str) -> pa.Table:
    """The table of a built-in property: smiles (canonical, no stereo), value (in the property's unit), sources.

    Columns: smiles, value, kind (experimental, mixed, derived), sources, n_sources, spread.

    Raises:
        UnknownNameError: no such property.
        StorageError: the cache cannot be written.
    """
    get_property(code)
    return _load(code)[0]


def cleaning_steps(code: str) -> list[Step]:
    """The steps of cleaning a property, and how much each left.

    Raises:
        UnknownNameError: no such property.
        StorageError: the cache cannot be written.
    """
    get_property(code)
    return [Step(*step) for step in _load(code)[1]]


@functools.cache
def built_in_task(code: str) -> TaskTable:
    """The molecules of a built-in property.

    Raises:
        UnknownNameError: no such property.
        StorageError: the cache cannot be written.
    """
    columns = load_property(code).select(["smiles", "value"])
    molecules, _ = _load(MOLECULES)
    smiles = molecules["smiles"].to_numpy()
    graphs = packed(list(smiles), f"built-in-{content_key(smiles)[:12]}")
    rows = np.searchsorted(smiles, columns["smiles"].to_numpy())
    return TaskTable(
        columns["smiles"].to_numpy(),
        columns["value"].to_numpy(),
        molecules["parent"].to_numpy()[rows],
        molecules["parent"].to_numpy()[rows],  # the built-in molecules are one fragment each
        molecules["scaffold"].to_numpy()[rows],
        molecules["key"].to_numpy()[rows],
        molecules["key"].to_numpy()[rows],
        None,
        graphs,
        rows,
        {},
    )


@functools.cache
def _load(name: str) -> tuple[pa.Table, list[tuple[str, int]]]:
    """A table and its facts."""
    return cached(_path(name), lambda path: read_table(path, COLUMNS[name]), build_tables)


def _path(name: str) -> Path:
    return cache_folder() / "tables" / f"{name}.parquet"


def is_built(code: str) -> bool:
    """Whether a built-in property lies in the cache, so that reading it is fast."""
    packs = (cache_folder() / "packs").glob("built-in-*.arrow")
    return _path(code).exists() and _path(MOLECULES).exists() and any(packs)


def build_tables() -> None:
    """Build every table and write it to the cache. Safe to interrupt, and for several processes at once."""
    from gear.data.builtin.sources import identifiers, property_sources  # pandas, thermo: seconds

    print("building the property tables, once (half a minute) ...", file=sys.stderr)
    substances = identifiers()
    sources = property_sources({cas: mass for cas, (_, mass) in substances.items()})
    votes = {code: vote(PROPERTIES[code], found) for code, found in sources.items()}
    needed = sorted(set().union(*votes.values()) & substances.keys())
    molecules = _organic_molecules({cas: substances[cas][0] for cas in needed})
    identity = {cas: molecule.smiles for cas, molecule in molecules.items()}
    merged = {code: {e.smiles: e for e in merge_molecules(found, identity)} for code, found in votes.items()}
    kept, taken = drop_contradictions(merged, _boiling_ceilings(sources["bp"], identity))
    for code, table in kept.items():
        steps = _steps(code, sources[code], votes[code], identity, len(merged[code]))
        left = len(merged[code])
        for rule, count in sorted(taken[code].items()):
            left -= count
            steps.append(Step(f"{WITHOUT}{rule}", left))
        _write(code, _table(list(table.values())), steps)
    by_smiles = {m.smiles: m for m in molecules.values()}
    used = sorted(set().union(*kept.values()))
    columns = {name: [getattr(by_smiles[s], name) for s in used] for name in COLUMNS[MOLECULES]}
    _write(MOLECULES, pa.table(columns), [])


def _organic_molecules(smiles: Mapping[int, str]) -> dict[int, Molecule]:
    """The molecules that the tables keep, by CAS number."""
    chunks = map_chunks(_organic_chunk, list(smiles.items()), len(smiles), "identifying")
    return {cas: molecule for chunk in chunks for cas, molecule in chunk}


def _organic_chunk(items: Sequence[tuple[int, str]]) -> list[tuple[int, Molecule]]:
    found = []
    for cas, text in items:
        try:
            molecule = identify(text)
        except MoleculeError:
            continue
        if is_organic(molecule):
            found.append((cas, molecule))
    return found


def _boiling_ceilings(sources: Iterable[Source], identity: Mapping[int, str]) -> dict[str, Ceiling]:
    stated: dict[str, list[float]] = defaultdict(list)
    spec = PROPERTIES["bp"]
    for source in sources:
        for cas, value in source.values.items():
            if cas in identity and spec.minimum <= value <= spec.maximum:
                stated[identity[cas]].append(value)
    return {smiles: Ceiling(max(values), len(values)) for smiles, values in stated.items()}


def _steps(
    code: str, sources: Sequence[Source], votes: Mapping[int, Vote], identity: Mapping[int, str], merged: int
) -> list[Step]:
    return [
        Step("substances with a value", len(set().union(*(source.values for source in sources)))),
        Step("in range", len(in_range(PROPERTIES[code], sources))),
        Step("databases agree", len(votes)),
        Step("organic, with a structure", len(votes.keys() & identity.keys())),
        Step("merged to molecules", merged),
    ]


def _table(entries: Sequence[Entry]) -> pa.Table:
    columns = zip(*entries, strict=True)
    return pa.table(dict(zip(Entry._fields, map(list, columns), strict=True)))


def _write(name: str, table: pa.Table, steps: Sequence[Step]) -> None:
    write_table(_path(name), table, steps)
