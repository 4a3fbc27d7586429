"""Packed graphs: chemprop's features, memory-mapped, checked, copied nowhere."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from rdkit import Chem

from gear.data import ATOM_FEATURES, BOND_FEATURES, featurize, load_property
from gear.data.cache import DamagedFileError
from gear.data.molecules.pack import join, open_pack, take, write_pack
from gear.errors import InputDataError, StorageError
from gear.model.graphs import GraphStore

SMILES = ["CCO", "C", "c1ccccc1C(=O)N", "C[N+](=O)[O-]", "[Na+].[Cl-]", "C[Si](C)(C)Cl"]
ARRAYS = ("atom_kinds", "bond_kinds", "atoms", "bonds", "ends", "atom_offset", "bond_offset")


def as_batch(graphs, rows=None):
    rows = range(len(graphs)) if rows is None else rows
    return GraphStore(graphs, torch.device("cpu")).batch(torch.tensor(list(rows), dtype=torch.int64)).plain


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("smiles", [SMILES, "property"])
def test_pack_holds_what_chemprop_computes(smiles):
    smiles = load_property("mp")["smiles"].to_pylist()[::40] if smiles == "property" else smiles
    graphs, featurizer = featurize(smiles), SimpleMoleculeMolGraphFeaturizer()
    store = GraphStore(graphs, torch.device("cpu"))
    for index, text in enumerate(smiles):
        expected, found = featurizer(Chem.MolFromSmiles(text)), store.batch(torch.tensor([index])).plain
        np.testing.assert_allclose(found.atoms, expected.V, rtol=0, atol=5e-8)  # of a mass; all else is 0 or 1
        np.testing.assert_array_equal(found.bonds, expected.E.astype(np.float32))
        np.testing.assert_array_equal(torch.stack([found.bond_source, found.bond_target]), expected.edge_index)
        np.testing.assert_array_equal(found.reverse, expected.rev_edge_index)


def test_no_molecules_give_an_empty_pack():
    graphs = featurize([])
    assert len(graphs) == 0
    assert graphs.atom_kinds.shape == (0, ATOM_FEATURES)
    assert graphs.bond_kinds.shape == (0, BOND_FEATURES)
    assert equal(as_batch(join([graphs, featurize(["CC"])])), as_batch(featurize(["CC"])))


def test_molecules_are_taken_and_joined_in_the_order_asked_for():
    graphs = featurize(SMILES)
    assert equal(as_batch(take(graphs, np.array([3, 0]))), as_batch(graphs, [3, 0]))
    both = join([take(graphs, np.array([5, 1])), featurize(["CCN"]), take(graphs, np.array([2]))])
    assert equal(as_batch(both), as_batch(featurize([SMILES[5], SMILES[1], "CCN", SMILES[2]])))


def test_many_molecules_are_featurised_by_several_processes_in_order():
    smiles = [f"{'C' * (i % 40 + 1)}{'O' * (i % 2)}" for i in range(7000)]
    graphs = featurize(smiles)
    heavy = np.diff(graphs.atom_offset)
    assert list(heavy) == [len(text) for text in smiles]


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


@pytest.mark.parametrize("damage", ["flipped", "cut", "foreign", "empty"])
def test_damaged_pack_is_noticed(damage, tmp_path):
    path = tmp_path / "pack.arrow"
    write_pack(path, featurize(SMILES))
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        place = content.index(featurize(SMILES).ends.tobytes())
        content[place] ^= 1
    elif damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "foreign":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("x", pa.int64())])) as writer:
            writer.write_table(pa.table({"x": [1]}))
        content = bytearray(path.read_bytes())
    else:
        content = bytearray()
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        open_pack(path)


def test_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.ipc.new_file", broken)
    with pytest.raises(StorageError, match="No space left on device"):
        write_pack(tmp_path / "pack.arrow", featurize(SMILES))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["xyz", ""])
def test_unparsable_smiles_is_named_wherever_it_stands(wrong):
    for smiles in (["CC", wrong], [wrong, "CC"], ["CC", wrong, "C"]):
        with pytest.raises(InputDataError, match=f"cannot parse SMILES '{wrong}'"):
            featurize(smiles)
