"""Graph features of molecules in chemprop's default scheme, computed by cuik-molmaker, a batch at a time."""

import functools
from collections.abc import Sequence

import cuik_molmaker
import numpy as np
from rdkit import rdBase

from gear.data.molecules.molecule import parse
from gear.data.molecules.pack import PackedGraphs, distinct, empty_pack, join
from gear.data.parallel import map_chunks
from gear.errors import InputDataError

__all__ = ["featurize", "featurize_chunk"]


def featurize(smiles: Sequence[str]) -> PackedGraphs:
    """Pack molecules in the order given, on all processors if there are many; a terminal shows a progress bar.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    return join(list(map_chunks(featurize_chunk, smiles, len(smiles), "featurising")))


def featurize_chunk(smiles: Sequence[str]) -> PackedGraphs:
    """Pack a few thousand molecules, in this process.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    if not smiles:
        return empty_pack()
    with rdBase.BlockLogs():
        found = cuik_molmaker.batch_mol_featurizer(list(smiles), *_scheme())
    atom_features, bond_features, edges, _, molecule = found
    atom_offset = np.searchsorted(molecule, np.arange(len(smiles) + 1)).astype(np.int64)
    if not np.diff(atom_offset).all():  # a SMILES that cannot be parsed silently gets no atoms
        wrong = next(text for text in smiles if parse(text) is None)
        raise InputDataError(f"cannot parse SMILES '{wrong}'")
    ends = edges.T[::2]  # a bond comes as two directed ones, (u, v) then (v, u)
    owner = molecule[ends[:, 0]]
    atom_kinds, atoms = distinct(atom_features)
    bond_kinds, bonds = distinct(bond_features[::2])
    return PackedGraphs(
        atom_kinds,
        bond_kinds,
        atoms,
        bonds,
        (ends - atom_offset[owner][:, None]).astype(np.uint16),
        atom_offset,
        np.searchsorted(owner, np.arange(len(smiles) + 1)).astype(np.int64),
    )


@functools.cache
def _scheme() -> tuple[object, ...]:
    """The arguments that chemprop uses for its default features. Importing chemprop to get them would take seconds."""
    atoms = ("atomic-number-common", "total-degree", "formal-charge", "chirality", "num-hydrogens")
    bonds = ("is-null", "bond-type-onehot", "conjugated", "in-ring", "stereo")
    return (
        cuik_molmaker.atom_onehot_feature_names_to_array([*atoms, "hybridization-expanded"]),
        cuik_molmaker.atom_float_feature_names_to_array(["aromatic", "mass"]),
        cuik_molmaker.bond_feature_names_to_array(list(bonds)),
        False,  # no hydrogen atoms
        False,  # no separate offset for carbon
        True,  # both directions of a bond
        False,  # no self-loops
    )
