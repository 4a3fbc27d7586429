"""The cache: damaged files are built again, drafts never stay, processes that build at once do not harm each other."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from gear.data import load_pair, load_property
from gear.data.builtin import tables
from gear.data.cache import DamagedFileError, cached, read_table, replace_file, write_table
from gear.drafts import draft_name
from gear.errors import StorageError


def test_table_comes_back_with_its_facts(tmp_path):
    table = pa.table({"a": [1, 2]})
    write_table(tmp_path / "t.parquet", table, {"n": 2})
    found, facts = read_table(tmp_path / "t.parquet", ["a"])
    assert found.equals(table)
    assert facts == {"n": 2}


@pytest.mark.parametrize("damage", ["flipped", "cut", "no parquet", "other columns"])
def test_damaged_table_is_noticed_and_built_again(damage, tmp_path, capsys):
    path = tmp_path / "t.parquet"

    def build():
        write_table(path, pa.table({"a": list(range(1000))}), {})

    build()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[60] ^= 0xFF
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[:100])
    elif damage == "no parquet":
        path.write_bytes(b"something else")
    else:
        write_table(path, pa.table({"b": [1]}), {})
    with pytest.raises(DamagedFileError):
        read_table(path, ["a"])
    found, _ = cached(path, lambda p: read_table(p, ["a"]), build)
    assert found["a"].to_pylist() == list(range(1000))
    assert "is damaged" in capsys.readouterr().err


def aged(path):
    """A file whose writer must have died."""
    path.touch()
    os.utime(path, (time.time() - 1e6,) * 2)
    return path


@pytest.mark.parametrize("name", ["file", "a[b]c*.csv"])
def test_drafts_of_dead_writers_are_removed_and_those_of_living_ones_left(name, tmp_path):
    path = tmp_path / name
    new = draft_name(path)
    aged(draft_name(path)), new.touch()
    replace_file(path, lambda draft: draft.write_text("x"))
    assert {p.name for p in tmp_path.iterdir()} == {new.name, name}


@pytest.mark.parametrize("name", [".out.csv.swp", ".out.csv.draft-2", ".out.csv.draft", ".a.csv.bak"])
def test_what_is_not_a_draft_is_left_however_old(name, tmp_path):
    other = aged(tmp_path / name)
    replace_file(tmp_path / "out.csv", lambda draft: draft.write_text("x"))
    replace_file(tmp_path / "[a].csv", lambda draft: draft.write_text("x"))
    assert other.exists()


@pytest.mark.parametrize("step", ["stat", "unlink"])
def test_a_draft_that_is_renamed_while_old_ones_are_removed_does_no_harm(step, tmp_path, monkeypatch):
    path = tmp_path / "file"
    draft, plain = aged(draft_name(path)), getattr(Path, step)

    def overtaken(self, **how):
        if self == draft:
            draft.rename(path)
        return plain(self, **how)

    monkeypatch.setattr(Path, step, overtaken)
    replace_file(path, lambda place: place.write_text("x"))
    assert path.read_text() == "x"


def test_a_users_own_file_is_not_said_to_be_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "folder").touch()
    with pytest.raises(StorageError) as told:
        replace_file(tmp_path / "folder" / "out.csv", lambda draft: draft.write_text("x"))
    assert str(told.value) == f"cannot write {tmp_path}/folder/out.csv (File exists); name another place for it"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("bug"), OSError(28, "No space left on device")])
def test_interrupted_build_leaves_the_old_file_and_no_draft(error, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write(draft):
        draft.write_text("half")
        raise error

    with pytest.raises((KeyboardInterrupt, ValueError, StorageError)):
        replace_file(path, write)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_disk_full_while_caching_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    monkeypatch.setattr("gear.data.builtin.sources.identifiers", lambda: {64175: ("CCO", 46.07)})  # all: half a minute
    tables._load.cache_clear()
    try:
        with pytest.raises(StorageError, match=r"No space left on device.*GEAR_CACHE moves the cache"):
            tables._load("hv")
    finally:
        tables._load.cache_clear()


BUILD = """
from gear.data.builtin import sources

found = sources.identifiers()
sources.identifiers = lambda: {cas: known for cas, known in found.items() if cas % 5 == 0}  # all: half a minute

from gear.data import load_pair

print(load_pair("ef_from_hv", "scaffold").split_hash)
"""


def test_two_processes_that_build_at_once_agree(tmp_path):
    """With each other, and with one that builds alone."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD],
            env=os.environ | {"GEAR_CACHE": str(tmp_path / folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in ("shared", "shared", "alone")
    ]
    said = [process.communicate(timeout=300) for process in processes]
    assert ["building the property tables" in err for _, err in said] == [True] * 3
    (split_hash,) = {out for out, _ in said}
    assert len(split_hash.strip()) == 16
    assert not list(tmp_path.rglob(".*"))


def test_cached_pack_that_is_damaged_is_built_again(tmp_path, monkeypatch):
    before = load_pair("ef_from_hv", "random")
    monkeypatch.setattr("gear.data.task.cache_folder", lambda: tmp_path)
    for cache in (tables.built_in_task,):
        cache.cache_clear()
    load_pair("ef_from_hv", "random")
    (pack,) = tmp_path.rglob("*.arrow")
    pack.write_bytes(pack.read_bytes()[:-1000])
    tables.built_in_task.cache_clear()
    again = load_pair("ef_from_hv", "random")
    assert again.split_hash == before.split_hash
    assert (again.graphs.atoms == before.graphs.atoms).all()
    tables.built_in_task.cache_clear()


def test_built_in_tables_are_read_once():
    assert load_property("hv") is load_property("hv")
