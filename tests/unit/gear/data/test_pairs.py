"""Pairs of built-in properties and of a user's files, loaded as training sees them."""

import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from gear.config import PairSpec, TaskSpec
from gear.data import CONTROL_PAIRS, PAIRS, PROPERTIES, load_pair, load_property, parse_pair
from gear.data import __main__ as listing
from gear.data.molecules.molecule import parse
from gear.errors import GearError, UnknownNameError


def test_there_are_23_pairs_of_known_properties():
    assert len(set(PAIRS)) == 23
    for pair in (*PAIRS, *CONTROL_PAIRS):
        spec = parse_pair(pair)
        assert spec.id == pair
        assert {spec.target.property, *(source.property for source in spec.sources)} <= set(PROPERTIES)


@pytest.mark.parametrize("split", ["random", "scaffold"])
def test_parts_point_at_their_molecules(split):
    pair = load_pair("st_from_ri", split)
    for part in (pair.target.train, pair.target.validation, pair.target.test, pair.sources[0].train):
        assert len(part.smiles) == len(part.value) == len(part.rows) == len(set(part.rows))
    assert len(pair.sources[0].test.rows) == 0
    rows = dict(zip(pair.target.train.smiles, pair.target.train.rows, strict=True))
    shared = [
        (rows[s], r) for s, r in zip(pair.sources[0].train.smiles, pair.sources[0].train.rows, strict=True) if s in rows
    ]
    assert shared
    assert all(a == b for a, b in shared)
    for part in (pair.target.train, pair.sources[0].train):
        atoms = np.diff(pair.graphs.atom_offset)[part.rows]
        assert list(atoms) == [parse(smiles).GetNumAtoms() for smiles in part.smiles]


def test_hashes_tell_splits_and_seeds_apart():
    first = load_pair("st_from_ri", "random")
    assert load_pair("st_from_ri", "random").split_hash == first.split_hash
    others = [load_pair("st_from_ri", "random", seed=1), load_pair("st_from_ri", "scaffold")]
    assert len({first.split_hash, *(other.split_hash for other in others)}) == 3
    assert {other.data_hash for other in others} == {first.data_hash}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("hvs", "unknown pair 'hvs'; known: hv_from_ds"),
        ("hv_from_xy", "unknown property 'xy'"),
        ("xy_from_hv", "unknown property 'xy'"),
        ("hv_from_hv", "names a task twice"),
    ],
)
def test_unknown_pair_is_named(pair, message):
    with pytest.raises(GearError, match=message):
        parse_pair(pair)


def command(monkeypatch, capsys, *args):
    monkeypatch.setattr("sys.argv", ["gear.data", *map(str, args)])
    code = listing.main()
    return code, capsys.readouterr()


def test_command_lists_properties_and_pairs(monkeypatch, capsys):
    code, printed = command(monkeypatch, capsys)
    assert code == 0
    assert all(name in printed.out for name in (*PROPERTIES, *PAIRS))


def test_command_shows_where_sources_disagree(monkeypatch, capsys):
    code, printed = command(monkeypatch, capsys, "show", "hv")
    assert code == 0
    histogram, disagreements = printed.out.split("largest disagreements of the databases")
    assert "#####" in histogram
    assert "CC(=O)O" in disagreements  # acetic acid: its vapour dimerises


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_command_exports_a_table_with_its_provenance(suffix, tmp_path, monkeypatch, capsys):
    path = tmp_path / f"ef.{suffix}"
    assert command(monkeypatch, capsys, "export", "ef", path)[0] == 0
    table = pq.read_table(path) if suffix == "parquet" else csv.read_csv(path)
    assert table.column_names == ["smiles", "value", "kind", "sources", "n_sources", "spread"]
    assert len(table) == len(load_property("ef"))


def test_command_draws_a_property(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, capsys, "show", "dk", "--plot")[0] == 0
    assert command(monkeypatch, capsys, "show", "mp", "--plot", "melting.svg")[0] == 0
    assert (tmp_path / "dk.png").read_bytes().startswith(b"\x89PNG")
    assert "melting point" in (tmp_path / "melting.svg").read_text()


def test_command_tells_and_writes_a_split(tmp_path, monkeypatch, capsys):
    path = tmp_path / "split.parquet"
    code, printed = command(monkeypatch, capsys, "split", "st_from_ri", "scaffold", "--seed", 1, "--out", path)
    pair, table = load_pair("st_from_ri", "scaffold", 1), pq.read_table(path).to_pandas()
    assert code == 0
    assert pair.split_hash in printed.out
    test = table[(table.role == "target") & (table.part == "test")]
    assert list(test.smiles) == list(pair.target.test.smiles)
    assert list(test.value) == list(pair.target.test.value)
    assert set(table[table.role == "source"].part) == {"train", "validation"}


def test_written_split_can_be_used_as_a_file_split(tmp_path, monkeypatch, capsys):
    path = tmp_path / "split.csv"
    command(monkeypatch, capsys, "split", "ef_from_hv", "random", "--out", path)
    lines = [line for line in path.read_text().splitlines() if line.startswith('"target"')]
    mine = tmp_path / "ef.csv"
    mine.write_text("\n".join(['"role","task","part","smiles","value"', *lines]))
    task = TaskSpec("ef", str(mine), "value", split_column="part", log10=True)
    again, before = load_pair(PairSpec(task, (TaskSpec("hv"),)), "file"), load_pair("ef_from_hv", "random")
    assert list(again.target.test.smiles) == list(before.target.test.smiles)
    assert {*again.sources[0].train.smiles, *again.sources[0].validation.smiles} == {
        *before.sources[0].train.smiles,
        *before.sources[0].validation.smiles,
    }


def test_command_checks_a_file(tmp_path, monkeypatch, capsys):
    path = tmp_path / "mine.csv"
    path.write_text("smiles,logS\n" + "\n".join(f"{'C' * i}O,{-i}" for i in range(1, 40)) + "\nCO,-9\n")
    code, printed = command(monkeypatch, capsys, "check", path, "--column", "logS")
    assert code == 0
    assert re.search(r"40  rows", printed.out)
    assert re.search(r"1  merged into others", printed.out)
    assert re.search(r"8  largest spread", printed.out)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("show", "hv", "--plot", "hv.xyz"), "ends in .png, .svg or .pdf"),
        (("split", "hv_from_ds", "butina"), "unknown split 'butina'"),
        (("check", "/no/file.csv", "--column", "x"), "cannot read /no/file.csv: No such file"),
        (("show", "zz"), "unknown property 'zz'"),
        (("export", "ef", "ef.xls"), "ends in .parquet or .csv"),
        (("export", "ef", "/proc/ef.csv"), "cannot write /proc/ef.csv"),
    ],
)
def test_command_names_what_it_cannot_do(args, message, monkeypatch, capsys):
    code, printed = command(monkeypatch, capsys, *args)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_unknown_property_is_named():
    with pytest.raises(UnknownNameError, match="unknown property 'zz'; known: mp, bp"):
        load_property("zz")
