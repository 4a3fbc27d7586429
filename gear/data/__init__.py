"""Data: built-in properties, users' files, pairs of tasks, splits without leakage, packed graphs."""

from typing import TYPE_CHECKING

from gear.data.builtin.properties import PROPERTIES, Property
from gear.data.pair_names import CONTROL_PAIRS, PAIRS, parse_pair
from gear.data.splits.split_name import SPLITS, expand_splits, parse_split
from gear.lazy import lazy_names

if TYPE_CHECKING:
    from gear.data.builtin.tables import load_property
    from gear.data.molecules.featurize import featurize
    from gear.data.molecules.molecule import canonical_smiles
    from gear.data.molecules.pack import ATOM_FEATURES, BOND_FEATURES, PackedGraphs
    from gear.data.pairs import PairData, Part, TaskData, load_pair

__all__ = [
    "ATOM_FEATURES",
    "BOND_FEATURES",
    "CONTROL_PAIRS",
    "PAIRS",
    "PROPERTIES",
    "SPLITS",
    "PackedGraphs",
    "PairData",
    "Part",
    "Property",
    "TaskData",
    "canonical_smiles",
    "expand_splits",
    "featurize",
    "load_pair",
    "load_property",
    "parse_pair",
    "parse_split",
]

_LATE = {  # these import RDKit, pyarrow and pandas
    "gear.data.builtin.tables": ("load_property",),
    "gear.data.molecules.featurize": ("featurize",),
    "gear.data.molecules.molecule": ("canonical_smiles",),
    "gear.data.molecules.pack": ("ATOM_FEATURES", "BOND_FEATURES", "PackedGraphs"),
    "gear.data.pairs": ("PairData", "Part", "TaskData", "load_pair"),
}
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _LATE)
