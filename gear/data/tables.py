"""The tables of the built-in properties, built once from the installed packages and cached as Parquet."""

import functools
import sys
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from gear.data.cache import cache_folder, replace_file
from gear.data.clean import Entry, drop_below, merge_molecules, vote
from gear.data.molecule import organic_identity, scaffold_group
from gear.data.properties import PROPERTIES, get_property

__all__ = ["build_tables", "load_property", "load_scaffold_groups"]

GROUPS = "scaffold-groups"


@functools.cache
def load_property(code: str) -> pa.Table:
    """A built-in property: smiles (canonical, no stereo), value (the property's unit), and where the value is from.

    Columns: smiles, value, kind (experimental, mixed, derived), sources, n_sources, spread.

    Raises:
        UnknownNameError: no such property.
        StorageError: the cache cannot be written.
    """
    get_property(code)
    return _cached(code)


@functools.cache
def load_scaffold_groups() -> dict[str, str]:
    """Scaffold group of every molecule of the built-in tables."""
    columns = _cached(GROUPS).to_pydict()
    return dict(zip(columns["smiles"], columns["group"], strict=True))


def _cached(name: str) -> pa.Table:
    path = cache_folder() / "tables" / f"{name}.parquet"
    if not path.exists():
        build_tables()
    return pq.read_table(path)


def build_tables() -> None:
    """Build every table and write it to the cache. Safe to interrupt, and for several processes at once."""
    from gear.data.sources import identifiers, property_sources  # pandas, thermo: seconds

    print("building the property tables, once (half a minute) ...", file=sys.stderr)
    substances = identifiers()
    sources = property_sources({cas: mass for cas, (_, mass) in substances.items()})
    votes = {code: vote(PROPERTIES[code], found) for code, found in sources.items()}
    votes["bp"] = drop_below(votes["bp"], votes["mp"])
    needed = sorted(set().union(*votes.values()) & substances.keys())
    identities = {cas: organic_identity(substances[cas][0]) for cas in needed}
    molecules = {cas: smiles for cas, smiles in identities.items() if smiles is not None}
    groups = {smiles: scaffold_group(smiles) for smiles in sorted(set(molecules.values()))}
    tables = {code: _table(merge_molecules(found, molecules)) for code, found in votes.items()}
    _write(GROUPS, pa.table({"smiles": list(groups), "group": list(groups.values())}))
    for code, table in tables.items():
        _write(code, table)


def _table(entries: Sequence[Entry]) -> pa.Table:
    columns = zip(*entries, strict=True)
    return pa.table(dict(zip(Entry._fields, map(list, columns), strict=True)))


def _write(name: str, table: pa.Table) -> None:
    path = cache_folder() / "tables" / f"{name}.parquet"
    replace_file(path, lambda draft: pq.write_table(table, draft))
