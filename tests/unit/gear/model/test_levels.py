"""Tables of environments: the same from files as in memory, in one block as in many; damaged ones are built again."""

import dataclasses

import numpy as np
import pytest
import torch

from gear.config import EmbeddingConfig
from gear.data import featurize
from gear.data.array_file import open_arrays
from gear.data.cache import cache_folder
from gear.data.molecules.pack import open_pack, write_pack
from gear.embeddings import get_embedding
from gear.model import GraphStore
from gear.model import levels as module
from gear.model.levels import Levels
from gear.testing.pairs import molecules

CPU = torch.device("cpu")


@pytest.fixture
def graphs():
    return featurize(["C", *molecules(), "CC.O", "N"])


@pytest.fixture
def kept(graphs, tmp_path, monkeypatch):
    """The same graphs, in a file of an empty cache."""
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    path = cache_folder() / "packs" / "some.arrow"
    write_pack(path, graphs)
    return open_pack(path)


def folder():
    return cache_folder() / "environments" / "some"


def tensors(graphs, depth=3, merged=True, groups=None):
    """All numbers of a batch, whose molecules are in no order."""
    rows = torch.randperm(len(graphs), generator=torch.Generator().manual_seed(0))[:40]
    found, todo = [], [GraphStore(graphs, CPU).batch(rows).environments(depth, merged=merged, groups=groups)]
    while todo:
        one = todo.pop()
        if isinstance(one, torch.Tensor):
            found.append(one)
        elif isinstance(one, tuple):
            todo += one
    return found


def assert_same(one, other):
    assert len(one) == len(other) > 10
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def gradients(graphs):
    torch.manual_seed(0)
    network = get_embedding("dmpnn").network(EmbeddingConfig(width=16))
    embedded = network(GraphStore(graphs, CPU).batch(torch.arange(50)))
    embedded.square().sum().backward()
    return [embedded.detach(), *(weight.grad for weight in network.parameters())]


def test_values_and_gradients_are_those_of_private_tables(graphs, kept):
    for _ in range(2):  # built, then opened
        for one, other in zip(gradients(graphs), gradients(kept), strict=True):
            assert torch.equal(one, other)
    assert_same(tensors(kept, merged=False, groups=2), tensors(graphs, merged=False, groups=2))
    rows = torch.tensor([5, 2, 40])
    for one, other in zip(*(GraphStore(each, CPU).batch(rows).plain for each in (kept, graphs)), strict=True):
        assert torch.equal(one, other)
    assert not Levels(kept).atoms(3).state.flags.owndata
    assert Levels(graphs).atoms(3).state.flags.owndata


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_blocks_give_the_numbers_of_one_block(graphs, depth, merged, monkeypatch):
    whole = tensors(graphs, depth, merged, groups=2)
    monkeypatch.setattr(module, "BLOCK", 50)
    assert len(Levels(graphs)._blocks) > 10
    assert_same(tensors(graphs, depth, merged, groups=2), whole)


def test_a_deeper_network_needs_only_what_is_not_there_yet(graphs, kept):
    assert_same(tensors(kept, 2), tensors(graphs, 2))
    before = {path: path.stat().st_mtime_ns for path in folder().iterdir()}
    assert_same(tensors(kept, 4), tensors(graphs, 4))
    assert before.keys() < set(folder().iterdir())
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("name", ["kinds", "bonds-2", "bond-states-2", "atoms-3"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "removed", "version"])
def test_a_damaged_table_is_built_again(name, damage, graphs, kept, monkeypatch):
    tensors(kept)
    path = folder() / f"{name}.arrow"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        place = content.index(np.asarray(_largest(path)).tobytes())
        content[place] ^= 1
        path.write_bytes(content)
    elif damage == "foreign":  # a whole table, of other molecules
        path.unlink()
        other = cache_folder() / "packs" / "other.arrow"
        write_pack(other, module.take(graphs, np.arange(50)))
        tensors(open_pack(other))
        path.write_bytes((folder().with_name("other") / path.name).read_bytes())
    elif damage == "removed":
        path.unlink()
    else:
        monkeypatch.setattr(module, "FORMAT", "another")
    depth = 3 if name == "atoms-3" else 4
    assert_same(tensors(kept, depth), tensors(graphs, depth))
    assert _largest(path) is not None


def _largest(path):
    kinds = {"kinds": module.KINDS, "bonds": module.SUMS, "bond-states": module.STATES}
    wanted = kinds.get(path.stem.rstrip("-0123456789"), (*module.SUMS, *module.STATES))
    arrays, _ = open_arrays(path, dict.fromkeys(wanted, np.int32), f"{module.FORMAT} some {path.stem}")
    return max(arrays.values(), key=len)


def test_tables_are_private_where_the_cache_cannot_be_written(graphs, kept):
    (cache_folder() / "environments").touch()  # no folder can be made in its place
    assert_same(tensors(kept), tensors(graphs))


def test_graphs_that_are_not_those_of_the_file_are_not_looked_up(graphs, kept):
    assert kept.key == "some"
    assert dataclasses.replace(kept, key="").key == module.take(kept, np.arange(3)).key == ""
    tensors(module.take(kept, np.arange(60)))
    assert not folder().exists()


def test_the_features_of_kinds_go_to_the_device(kept):
    store = GraphStore(kept, torch.device("meta"))
    assert {tensor.device.type for tensor in store.kinds} == {"meta"}


def test_too_many_bonds_are_refused(graphs, monkeypatch):
    monkeypatch.setattr(module, "MOST", 10)
    with pytest.raises(OverflowError, match="too many for one table"):
        Levels(graphs)


def test_no_molecules_have_no_states():
    assert len(Levels(featurize([])).atoms(3).state) == 0
