"""Packed graphs: chemprop's features, memory-mapped, copied nowhere."""

import numpy as np
import pyarrow as pa
import pytest
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from rdkit import Chem

from gear.data import ATOM_FEATURES, BOND_FEATURES, featurize
from gear.data.pack import open_pack, write_pack
from gear.errors import InputDataError, StorageError

SMILES = ["CCO", "C", "c1ccccc1C(=O)N"]
ARRAYS = ("atoms", "bonds", "bond_source", "bond_target", "reverse", "atom_offset", "bond_offset")


def test_pack_holds_what_chemprop_computes():
    graphs = featurize(SMILES)
    assert len(graphs) == 3
    featurizer = SimpleMoleculeMolGraphFeaturizer()
    for index, smiles in enumerate(SMILES):
        expected = featurizer(Chem.MolFromSmiles(smiles))
        atoms = slice(*graphs.atom_offset[index : index + 2])
        bonds = slice(*graphs.bond_offset[index : index + 2])
        np.testing.assert_array_equal(graphs.atoms[atoms], expected.V.astype(np.float32))
        np.testing.assert_array_equal(graphs.bonds[bonds], expected.E.astype(np.float32))
        np.testing.assert_array_equal([graphs.bond_source[bonds], graphs.bond_target[bonds]], expected.edge_index)
        np.testing.assert_array_equal(graphs.reverse[bonds], expected.rev_edge_index)


def test_no_molecules_give_an_empty_pack():
    graphs = featurize([])
    assert len(graphs) == 0
    assert graphs.atoms.shape == (0, ATOM_FEATURES)
    assert graphs.bonds.shape == (0, BOND_FEATURES)


def test_written_pack_comes_back_as_views_of_the_file(tmp_path):
    graphs = featurize(SMILES)
    write_pack(tmp_path / "pack.arrow", graphs)
    before = pa.total_allocated_bytes()
    opened = open_pack(tmp_path / "pack.arrow")
    assert pa.total_allocated_bytes() == before
    for name in ARRAYS:
        original, found = getattr(graphs, name), getattr(opened, name)
        np.testing.assert_array_equal(found, original)
        assert found.dtype == original.dtype
        assert not found.flags.owndata
        assert not found.flags.writeable


def test_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.ipc.new_file", broken)
    with pytest.raises(StorageError, match="No space left on device"):
        write_pack(tmp_path / "pack.arrow", featurize(SMILES))
    assert list(tmp_path.iterdir()) == []


def test_unparsable_smiles_is_named():
    with pytest.raises(InputDataError, match=r"cannot parse SMILES 'xyz' \(molecule 2\)"):
        featurize(["CC", "xyz"])
