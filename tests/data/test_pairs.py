"""Pairs of built-in properties and of a user's files, loaded as training sees them."""

import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from gear.config import PairSpec, TaskSpec
from gear.data import CONTROL_PAIRS, PAIRS, PROPERTIES, load_pair, load_property, parse_pair
from gear.data import __main__ as listing
from gear.errors import GearError, InputDataError, UnknownNameError
from tests.conftest import molecules


def test_there_are_23_pairs_of_known_properties():
    assert len(set(PAIRS)) == 23
    for pair in (*PAIRS, *CONTROL_PAIRS):
        spec = parse_pair(pair)
        assert spec.id == pair
        assert {spec.target.property, spec.source.property} <= set(PROPERTIES)


@pytest.mark.parametrize("split", ["random", "scaffold"])
def test_parts_point_at_their_molecules(split):
    pair = load_pair("st_from_ri", split)
    for part in (pair.target.train, pair.target.validation, pair.target.test, pair.source.train):
        assert len(part.smiles) == len(part.value) == len(part.rows) == len(set(part.rows))
    assert len(pair.source.test.rows) == 0
    rows = dict(zip(pair.target.train.smiles, pair.target.train.rows, strict=True))
    shared = [(rows[s], r) for s, r in zip(pair.source.train.smiles, pair.source.train.rows, strict=True) if s in rows]
    assert shared
    assert all(a == b for a, b in shared)
    atoms = pair.graphs.atom_offset[rows["CCCCO"] + 1] - pair.graphs.atom_offset[rows["CCCCO"]]
    assert atoms == 5


def test_hashes_tell_splits_and_seeds_apart():
    first = load_pair("st_from_ri", "random")
    assert load_pair("st_from_ri", "random").split_hash == first.split_hash
    others = [load_pair("st_from_ri", "random", seed=1), load_pair("st_from_ri", "scaffold")]
    assert len({first.split_hash, *(other.split_hash for other in others)}) == 3
    assert {other.data_hash for other in others} == {first.data_hash}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("hv", "unknown pair 'hv'; known: hv_from_ds"),
        ("hv_from_xy", "unknown property 'xy'"),
        ("xy_from_hv", "unknown property 'xy'"),
        ("hv_from_hv", "one property as target and source"),
    ],
)
def test_unknown_pair_is_named(pair, message):
    with pytest.raises(GearError, match=message):
        parse_pair(pair)


def write(path, rows, header="smiles,value"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


@pytest.fixture
def good_rows():
    return [f"{smiles},{index + 1}" for index, smiles in enumerate(molecules())]


def user_pair(file, column="value", source=None, **options):
    return PairSpec(TaskSpec("mine", file=file, column=column, unit="K", **options), source or TaskSpec("ds"))


def test_user_file_pairs_with_a_built_in_source(tmp_path, good_rows):
    pair = load_pair(user_pair(write(tmp_path / "a.csv", good_rows)), "random")
    assert (pair.id, pair.target.unit, pair.target.log10) == ("mine_from_ds", "K", False)
    sizes = [len(part.value) for part in (pair.target.train, pair.target.validation, pair.target.test)]
    assert sizes == [96, 12, 12]


def test_duplicate_molecules_are_merged_by_median(tmp_path, good_rows):
    rows = [*good_rows, "OCC(O)CCCCCCCC,10", "CCCCCCCCC(O)CO,20", "OCC(O)CCCCCCCC,60"]
    pair = load_pair(user_pair(write(tmp_path / "a.csv", rows)), "random")
    values = {}
    for part in (pair.target.train, pair.target.validation, pair.target.test):
        values |= dict(zip(part.smiles, part.value, strict=True))
    assert len(values) == 121
    assert values["CCCCCCCCC(O)CO"] == 20


def test_changed_file_is_read_again(tmp_path, good_rows):
    file = write(tmp_path / "a.csv", good_rows)
    before = load_pair(user_pair(file), "random").data_hash
    write(tmp_path / "a.csv", [*good_rows, "CCCCCCCCCCCC,5"])
    assert load_pair(user_pair(file), "random").data_hash != before


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["CC,1"], "mol,value", r"no column 'smiles' \(it has: mol, value\): pass --smiles-column"),
        (["CC,1"], "smiles,tb", r"no column 'value' \(it has: smiles, tb\)"),
        (["CC,1", "xx(,2", "C,3"], "smiles,value", r"row 3: cannot parse SMILES 'xx\('"),
        (["CC,1", "C,many"], "smiles,value", "row 3: 'many' is not a number"),
        (["CC,1", "", "C,many"], "smiles,value", "row 4: 'many' is not a number"),  # as an editor counts
        (["CC,nan"], "smiles,value", "row 2: 'nan' is not a finite number"),
        (["CC,1e999"], "smiles,value", "row 2: '1e999' is not a finite number"),
        (["CC"], "smiles,value", "row 2: '' is not a number"),
        ([f"C({i},1" for i in range(9)], "smiles,value", "and 6 more: mend or remove"),
        (["CC,1", "CCC,2"], "smiles,value", "the target has 2 molecules, a split needs 30"),
    ],
)
def test_bad_file_is_one_line_with_its_row(rows, header, message, tmp_path):
    with pytest.raises(InputDataError, match=message) as caught:
        load_pair(user_pair(write(tmp_path / "a.csv", rows, header)), "random")
    assert "\n" not in str(caught.value)


def test_logarithm_of_nothing_is_a_bad_row(tmp_path):
    file = write(tmp_path / "a.csv", ["CC,1", "CCC,-2"])
    with pytest.raises(InputDataError, match="row 3: -2 has no logarithm"):
        load_pair(user_pair(file, log10=True), "random")


def test_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00smiles")
    for name, message in (("missing.csv", "No such file"), ("empty.csv", "is empty"), ("binary.csv", "no UTF-8 CSV")):
        with pytest.raises(InputDataError, match=message):
            load_pair(user_pair(str(tmp_path / name)), "random")
    with pytest.raises(InputDataError, match="Is a directory"):
        load_pair(user_pair(str(tmp_path)), "random")


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
    histogram, disagreements = printed.out.split("sources furthest apart")
    assert "#####" in histogram
    assert "CC(=O)O" in disagreements  # acetic acid: its vapour dimerises


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_command_exports_a_table_with_its_provenance(suffix, tmp_path, monkeypatch, capsys):
    path = tmp_path / f"ef.{suffix}"
    assert command(monkeypatch, capsys, "export", "ef", path)[0] == 0
    table = pq.read_table(path) if suffix == "parquet" else csv.read_csv(path)
    assert table.column_names == ["smiles", "value", "kind", "sources", "n_sources", "spread"]
    assert len(table) == len(load_property("ef"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
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
