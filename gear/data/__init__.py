"""Data: built-in properties, users' files, pairs of tasks, splits without leakage, packed graphs."""

from gear.data.builtin.properties import PROPERTIES, Property
from gear.data.builtin.tables import load_property
from gear.data.molecules.featurize import featurize
from gear.data.molecules.molecule import canonical_smiles
from gear.data.molecules.pack import ATOM_FEATURES, BOND_FEATURES, PackedGraphs
from gear.data.pairs import CONTROL_PAIRS, PAIRS, PairData, Part, TaskData, load_pair, parse_pair
from gear.data.splits.split_name import SPLITS, expand_splits, parse_split

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
