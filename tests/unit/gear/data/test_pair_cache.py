"""Large pairs, opened from the cache: the pair that is made of its tables, and made again where a file is not whole."""

import dataclasses

import numpy as np
import pytest

from gear.config import PairSpec, TaskSpec
from gear.data import pair_cache, pairs
from gear.data.pair_cache import pair_key
from gear.data.pair_names import parse_pair
from gear.data.pairs import load_pair
from gear.data.splits.split_name import parse_split
from gear.data.texts import Texts

PAIR = "ef_from_hv"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of pairs, in which every pair is kept."""
    monkeypatch.setattr(pair_cache, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(pair_cache, "LARGE", 1)
    yield tmp_path / "cache"
    pair_cache._molecules.cache_clear()


def plain(pair, split, seed=0, fold=0):
    """The pair as small ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "pair_key", lambda *_: "")
        return load_pair(pair, split, seed, fold)


def assert_same(one, other):
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(mine):
            assert_same(mine, theirs)
        elif isinstance(mine, tuple) and mine and dataclasses.is_dataclass(mine[0]):
            for a, b in zip(mine, theirs, strict=True):
                assert_same(a, b)
        elif isinstance(mine, np.ndarray | Texts):
            assert np.array_equal(mine, theirs), field.name
        elif field.name != "key":
            assert mine == theirs, field.name


@pytest.mark.parametrize("case", [("random",), ("random", 3, 1), ("scaffold",), ("random-n60-gaussian20", 1, 2)])
def test_a_kept_pair_is_the_pair(case, cache, monkeypatch):
    expected = plain(PAIR, *case)
    load_pair(PAIR, *case)
    monkeypatch.setattr(pairs, "load_task", None)  # no table is read
    assert_same(load_pair(PAIR, *case), expected)


def test_splits_and_folds_share_molecules_and_only_the_targets_smiles_are_decoded(cache):
    one, other = load_pair(PAIR, "random"), load_pair(PAIR, "random", 0, 1)
    assert one.smiles is other.smiles
    assert one.graphs is other.graphs
    assert isinstance(one.target.train.smiles, np.ndarray)
    assert isinstance(one.sources[0].train.smiles, Texts)
    assert len(list((cache / "packs").iterdir())) == len(list((cache / "molecules").iterdir())) == 1
    assert len(list((cache / "pairs").iterdir())) == 2


def test_small_pairs_are_not_kept(cache, monkeypatch):
    monkeypatch.setattr(pair_cache, "LARGE", 100_000)
    pair = load_pair(PAIR, "random")
    assert not cache.exists()
    assert pair.graphs.key == ""


@pytest.mark.parametrize("folder", ["pairs", "packs", "molecules"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "removed"])
def test_a_pair_of_a_damaged_file_is_made_again(folder, damage, cache, monkeypatch):
    expected, key = plain(PAIR, "random"), load_pair(PAIR, "random").graphs.key
    pair_cache._molecules.cache_clear()
    (path,) = (cache / folder).iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    for _ in range(2):
        again = load_pair(PAIR, "random")
        assert_same(again, expected)
        assert again.graphs.key == key
    monkeypatch.setattr(pairs, "load_task", None)
    pair_cache._molecules.cache_clear()
    load_pair(PAIR, "random")  # which is whole now


@pytest.mark.parametrize("folder", ["pairs", "packs", "molecules"])
def test_a_file_of_another_pair_is_not_taken(folder, cache):
    expected, _ = plain(PAIR, "random"), load_pair(PAIR, "random")
    (path,) = (cache / folder).iterdir()
    load_pair("vs_from_mp", "random")
    (other,) = set((cache / folder).iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    pair_cache._molecules.cache_clear()
    assert_same(load_pair(PAIR, "random"), expected)


def test_a_pair_is_made_as_ever_where_the_cache_cannot_be_written(cache):
    cache.touch()  # no folder can be made in its place
    assert_same(load_pair(PAIR, "random"), plain(PAIR, "random"))


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path / "tables"))
    path = tmp_path / "mine.csv"
    rows = [f"{'C' * (i % 40 + 1)}{'ON'[i // 40]},{'<' * (i % 3 == 0)}{i},{300 + i}" for i in range(80)]
    path.write_text("\n".join(["smiles,value,temperature", *rows]))
    return path


def test_a_users_tables_are_known_by_their_content_and_bounds_are_kept(cache, table):
    target = TaskSpec("mine", str(table), "value", censored="learn")
    spec = PairSpec(target, (dataclasses.replace(target, property="other", column="temperature"),))
    for _ in range(2):
        found = load_pair(spec, "random")
        assert_same(found, plain(spec, "random"))
        assert found.target.bounds is not None
        assert found.target.censored > 0
    before = pair_key(spec, parse_split("random"), 0, 0)
    table.write_text(table.read_text() + "\nCCCOCCC,3,200")
    assert pair_key(spec, parse_split("random"), 0, 0) != before


def test_the_key_names_all_that_a_split_follows_from(table):
    spec, split = parse_pair(PAIR), parse_split("random")
    others = [
        pair_key(parse_pair("ef_from_mp"), split, 0, 0),
        pair_key(dataclasses.replace(spec, key_version=1), split, 0, 0),
        pair_key(spec, parse_split("random-n60"), 0, 0),
        pair_key(spec, split, 1, 0),
        pair_key(spec, split, 0, 1),
    ]
    assert len({pair_key(spec, split, 0, 0), *others}) == 6


def test_what_is_not_kept_has_no_key(table):
    task = TaskSpec("mine", str(table), "value", features=("temperature",), censored="drop")
    assert pair_key(PairSpec(task, (TaskSpec("hv"),)), parse_split("random"), 0, 0) == ""
    assert pair_key(parse_pair(PAIR), parse_split("my_module:my_split"), 0, 0) == ""
