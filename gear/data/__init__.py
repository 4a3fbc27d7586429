"""Data: built-in properties, a user's files, pairs of tasks, splits that cannot leak, packed graphs."""

from gear.data.featurize import featurize
from gear.data.molecule import canonical_smiles
from gear.data.pack import ATOM_FEATURES, BOND_FEATURES, PackedGraphs
from gear.data.pairs import CONTROL_PAIRS, PAIRS, PairData, Part, TaskData, load_pair, parse_pair
from gear.data.properties import PROPERTIES, Property
from gear.data.protocol import SPLITS, expand_splits, parse_split
from gear.data.tables import load_property

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
