"""A user's own file: every format people save, every rule counted, every fault one clear line."""

import csv
import dataclasses
import gzip
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gear.config import PairSpec, TaskSpec
from gear.data import load_pair
from gear.data.molecules.molecule import MAX_ATOMS, identify
from gear.data.user_files.task_file import check_columns, read_task
from gear.errors import InputDataError
from gear.testing.pairs import molecules


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Lists of bad rows are written to the working folder; nothing is cached from test to test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gear.data.user_files.task_file.cache_folder", lambda: tmp_path / "cache")
    return tmp_path


GOOD = [f"{smiles},{index + 1}" for index, smiles in enumerate(molecules())]


TOLD = "smiles,value,part"


def write(rows, header="smiles,value", name="mine.csv", encoding="utf-8"):
    with open(name, "w", encoding=encoding) as file:
        file.write("\n".join([header, *rows]) + "\n")
    return name


def spec(file, column="value", **options):
    return TaskSpec("mine", file=str(file), column=column, unit="K", **options)


def read(file, **options):
    table = read_task(spec(file, **options))
    return dict(zip(table.smiles, table.value, strict=True))


def pair(file, source=None, split="random", **options):
    return load_pair(PairSpec(spec(file, **options), (source or TaskSpec("ds"),)), split)


EXPECTED = {"CCO": 1.5, "CCN": -2.0}


def in_format(kind):
    """The same two molecules in a file of this kind."""
    rows = ["CCO,1.5,x", "CCN,-2,y"]
    plain, header = "\n".join(["smiles,value,note", *rows]) + "\n", "smiles;value;note"
    if kind == "parquet":
        columns = {"smiles": ["CCO", "CCN"], "value": [1.5, -2.0], "note": ["x", "y"]}
        pq.write_table(pa.table(columns), "a.parquet")
        return "a.parquet"
    text = {
        "csv": plain,
        "gzip": plain,
        "tsv": plain.replace(",", "\t"),
        "excel": "\ufeff" + plain.replace("\n", "\r\n"),
        "european excel": "\ufeff" + "\r\n".join([header, "CCO;1,5;x", "CCN;-2;y", ""]),
        "quoted": 'smiles,value,note\n"CCO","1.5","x, and\nmore"\n"CCN",-2,y\n',
        "spaces": "smiles , value, note\nCCO , 1.5 ,x\n\n  \nCCN,-2,y\n",
        "no last newline": plain.rstrip(),
    }[kind]
    with open(f"a.{kind}", "wb") as file:
        file.write(gzip.compress(text.encode()) if kind == "gzip" else text.encode())
    return f"a.{kind}"


@pytest.mark.parametrize(
    "kind", ["csv", "tsv", "gzip", "parquet", "excel", "european excel", "quoted", "spaces", "no last newline"]
)
def test_every_usual_format_is_read(kind):
    assert read(in_format(kind)) == EXPECTED


def test_column_of_whole_numbers_in_parquet_is_read():
    pq.write_table(pa.table({"smiles": ["CC", "CO"], "value": pa.array([3, None], pa.int32())}), "a.parquet")
    assert read("a.parquet") == {"CC": 3.0}


def test_user_file_pairs_with_a_built_in_source():
    found = pair(write(GOOD))
    assert (found.id, found.target.unit, found.target.log10) == ("mine_from_ds", "K", False)
    sizes = [len(part.value) for part in (found.target.train, found.target.validation, found.target.test)]
    assert sizes == [96, 12, 12]


def test_two_files_make_a_pair():
    write([f"{row}5" for row in GOOD[::-1]], name="other.csv")
    found = pair(write(GOOD), source=TaskSpec("other", file="other.csv", column="value"), split="scaffold")
    assert found.id == "mine_from_other"
    assert len(found.graphs) == 120


def test_duplicate_molecules_are_merged_by_median_and_their_spread_is_told():
    rows = [*GOOD, "OCC(O)CCCCCCCC,10", "CCCCCCCCC(O)CO,20", "OCC(O)CCCCCCCC,60"]
    table = read_task(spec(write(rows)))
    assert dict(zip(table.smiles, table.value, strict=True))["CCCCCCCCC(O)CO"] == 20
    facts = table.facts
    assert (facts["rows"], facts["merged into others"], facts["molecules"], facts["largest spread"]) == (
        123,
        2,
        121,
        50,
    )


def test_what_is_unusual_is_kept_and_counted():
    rows = ["CCN.Cl,1", "CC[NH3+],2", "[2H]OC,3", "CO,5", "C[C@H](N)O,7", "CCC,", "CCCC, "]
    table = read_task(spec(write(rows)))
    assert dict(zip(table.smiles, table.value, strict=True)) == {"CCN.Cl": 1, "CC[NH3+]": 2, "CO": 4, "CC(N)O": 7}
    assert {name: table.facts[name] for name in ("with fragments", "charged", "with isotopes", "without a value")} == {
        "with fragments": 1,
        "charged": 1,
        "with isotopes": 1,
        "without a value": 2,
    }


def test_salt_and_neutral_molecule_are_never_separated():
    amines = [f"{'C' * i}N" for i in range(1, 60)]
    rows = [f"{smiles},{i}" for i, smiles in enumerate([*amines, *(f"{a}.Cl" for a in amines)])]
    found = pair(write(rows))
    for part in (found.target.train, found.target.validation, found.target.test):
        neutral = {s for s in part.smiles if "." not in s}
        assert len(part.smiles) == 2 * len(neutral)


@pytest.mark.parametrize("split", ["random", "scaffold", "random-fold1", "extrapolation-high", "file"])
def test_salts_and_ions_of_what_the_target_is_judged_on_are_not_in_the_source(split):
    amines, acids = ([f"{'C' * i}{end}" for i in range(1, 60)] for end in ("N", "C(=O)O"))
    target = write([f"{m},{i},{('train', 'valid', 'test')[i % 3]}" for i, m in enumerate(amines + acids)], TOLD)
    salts = [f"{amine}.Cl" for amine in amines] + [f"{amine[:-1]}[NH3+]" for amine in amines]
    salts += [f"{acid[:-1]}[O-].[Na+]" for acid in acids] + [f"{acid[:-1]}[O-]" for acid in acids]
    source = TaskSpec("salts", file=write([f"{m},{i}" for i, m in enumerate(salts)], name="s.csv"), column="value")
    found = pair(target, source, split, split_column="part")
    judged = {*found.target.validation.smiles, *found.target.test.smiles}
    seen = {identify(smiles).parent for smiles in (*found.sources[0].train.smiles, *found.sources[0].validation.smiles)}
    assert judged
    assert seen
    assert not judged & seen


@pytest.mark.parametrize("split", ["random", "scaffold"])
def test_salts_with_an_organic_counter_ion_do_not_leak_whichever_is_larger(split):
    amines = [f"{'C' * i}N" for i in range(1, 60)]
    tosylate = "Cc1ccc(S(=O)(=O)O)cc1"
    source = TaskSpec(
        "salts", file=write([f"{a}.{tosylate},{i}" for i, a in enumerate(amines)], name="s.csv"), column="value"
    )
    found = pair(write([f"{a},{i}" for i, a in enumerate(amines)]), source, split)
    judged = {*found.target.validation.smiles, *found.target.test.smiles}
    trained = (*found.sources[0].train.smiles, *found.sources[0].validation.smiles)
    assert trained
    assert not judged & {fragment for smiles in trained for fragment in identify(smiles).organics.split(".")}


def test_changed_file_is_read_again_and_the_same_content_is_not(monkeypatch):
    first = read_task(spec(write(GOOD)))
    assert len(read_task(spec(write([*GOOD, "CCCCCCCCCCCC,5"]))).smiles) == len(first.smiles) + 1
    monkeypatch.setattr("gear.data.user_files.task_file.identify", None)
    assert list(read_task(spec(write(GOOD, name="copy.csv"))).smiles) == list(first.smiles)


def test_order_of_rows_does_not_matter():
    a, b = pair(write(GOOD)), pair(write(GOOD[::-1], name="other.csv"))
    assert (a.split_hash, a.data_hash) == (b.split_hash, b.data_hash)


BAD_ROWS = [
    ("xx(,2", "row 3: cannot parse SMILES 'xx\\('"),
    ("C C,2", "row 3: 'C C' contains a space"),
    ("[H][H],2", "row 3: '\\[H\\]\\[H\\]' has no atom heavier than hydrogen"),
    ("C" * 2 * MAX_ATOMS + ",2", f"row 3: {2 * MAX_ATOMS} atoms, the maximum is {MAX_ATOMS}"),
    ("*C,2", "row 3: '\\*C' has a placeholder atom"),
    (",2", "row 3: no SMILES"),
    ("C,many", "row 3: 'many' is not a number"),
    ("C,nan", "row 3: 'nan' is not a finite number"),
    ("C,-inf", "row 3: '-inf' is not a finite number"),
    ("C,1e999", "row 3: '1e999' is not a finite number"),
    ("C,1e308", "row 3: 1e308 is larger than 1e\\+30"),
    ('C,"1,5"', "row 3: '1,5' is not a number"),
    ("C", "row 3: 1 cells where the header has 2"),
    ("C,1,2", "row 3: 3 cells where the header has 2"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_bad_row_stops_the_run_in_one_line_with_its_number(row, message):
    with pytest.raises(InputDataError, match=message) as caught:
        read(write(["CC,1", row]))
    assert "\n" not in str(caught.value)
    assert "fix the file or pass --drop-bad-rows" in str(caught.value)


def test_all_bad_rows_are_listed_in_a_file(folder):
    file = write(["CC,1", *(f"C({i},1" for i in range(9)), "C,x"])
    with pytest.raises(InputDataError, match=r"and 7 more.*all are listed in mine\.bad-rows\.csv"):
        read(file)
    with open(folder / "mine.bad-rows.csv", newline="") as listing:
        rows = list(csv.DictReader(listing))
    assert [row["line"] for row in rows] == [str(line) for line in range(3, 13)]
    assert rows[-1]["reason"] == "'x' is not a number"


def test_bad_rows_are_dropped_and_counted_if_asked_for(capsys):
    table = read_task(spec(write(["CC,1", "xx(,2", "CO,3"]), drop_bad_rows=True))
    assert list(table.smiles) == ["CC", "CO"]
    assert table.facts["bad rows dropped"] == 1
    assert "1 bad rows dropped; all are listed in mine.bad-rows.csv" in capsys.readouterr().err


def listed(folder):
    with open(folder / "mine.bad-rows.csv", newline="") as listing:
        return [(row["file"], row["column"], row["line"]) for row in csv.DictReader(listing)]


def test_lists_of_files_with_one_name_and_of_columns_of_one_file_do_not_overwrite_each_other(folder):
    expected = []
    for place in ("a", "b"):
        (folder / place).mkdir()
        file = write([f"C(,1,x{place}", "CC,1,2"], "smiles,value,other", name=f"{place}/mine.csv")
        for column in ("value", "other"):
            read_task(spec(file, column, drop_bad_rows=True))
            expected.append((str(folder / file), column, "2"))
    assert listed(folder) == expected
    (folder / "cache").rename(folder / "old")
    read_task(spec("a/mine.csv", drop_bad_rows=True))  # its own rows are replaced
    assert sorted(listed(folder)) == sorted(expected)


def test_molecule_with_the_largest_spread_is_named(capfd):
    table = read_task(spec(write(["CC,1", "CC,3", "CO,10", "OC,60", "CCC,5"])))
    assert (table.facts["largest spread"], table.facts["molecule with the largest spread"]) == (50, "CO")
    assert "rows of CO differ by 50" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("values", "warned"),
    [([0, 1], True), ([1, 2, 3, 4, 5], True), (range(50), False), ([0.5, 1.5], False)],
)
def test_values_that_may_be_classes_are_warned_of(values, warned, capfd):
    rows = [f"{row.split(',')[0]},{values[index % len(values)]}" for index, row in enumerate(GOOD)]
    read_task(spec(write(rows)))
    assert ("this is regression" in capfd.readouterr().err) is warned


def test_missing_values_are_left_out_and_counted():
    table = read_task(spec(write(["CC,1", "CCC,n/a", "CCCC,NA", "CO,-", "CN,", "CCN, "])))
    assert (list(table.smiles), table.facts["without a value"]) == (["CC"], 5)


def test_thousands_in_a_file_of_tabs_are_read_as_the_column_tells(folder):
    with open("a.tsv", "w") as file:
        file.write("smiles\tvalue\nCC\t862\nCCC\t986.5\nCO\t1,048\n")
    assert read("a.tsv") == {"CC": 862, "CCC": 986.5, "CO": 1048}
    with open("b.tsv", "w") as file:
        file.write("smiles\tvalue\nCC\t862\nCCC\t986\nCO\t1,048\n")
    with pytest.raises(InputDataError, match=r"row 4: '1,048' may be 1\.048 or 1048"):
        read("b.tsv")


def test_decimals_of_parquet_are_numbers():
    values = pa.array(["1.50", None, "-3.25"]).cast(pa.decimal128(10, 2))
    pq.write_table(pa.table({"smiles": ["CC", "CCC", "CO"], "value": values}), "a.parquet")
    assert read("a.parquet") == {"CC": 1.5, "CO": -3.25}


def test_the_column_of_smiles_that_is_obviously_meant_is_taken_and_named(capfd):
    assert read(write(["CC,1"], "Canonical SMILES,value")) == {"CC": 1}
    assert "SMILES are read from column 'Canonical SMILES'" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["smiles_column", "column", "split_column"])
def test_columns_are_checked_without_reading_the_rows(name, monkeypatch):
    file = write(["C(,x,y"], "smiles,value,part")
    check_columns(spec(file, split_column="part"))
    with pytest.raises(InputDataError, match="no column 'none'"):
        check_columns(dataclasses.replace(spec(file, split_column="part"), **{name: "none"}))
    with pytest.raises(InputDataError, match="cannot read nothing"):
        check_columns(spec("nothing.csv"))


def test_folder_that_cannot_be_written_does_not_hide_the_bad_row(monkeypatch):
    file = os.path.abspath(write(["xx(,1"]))
    monkeypatch.chdir("/proc")
    with pytest.raises(InputDataError, match=r"row 2: cannot parse.*could not be listed"):
        read(file)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["CC,1"], "mol,value", r"no column 'smiles' \(it has: mol, value\): pass --smiles-column"),
        (["CC,1"], "smiles,tb", r"no column 'value' \(it has: smiles, tb\): pass --target-column or --source-column"),
        (["CC 1"], "smiles value", "cells are separated by commas, semicolons or tabs"),
        (["CC,1,2"], "smiles,value,value", "has 2 columns 'value': rename all but one"),
        ([], "smiles,value", "no row with a value in column 'value'"),
        (["CC,"], "smiles,value", "no row with a value in column 'value'"),
        ([""], "", "is empty"),
    ],
)
def test_bad_header_is_one_line(rows, header, message):
    with pytest.raises(InputDataError, match=message) as caught:
        read(write(rows, header))
    assert "\n" not in str(caught.value)


def test_logarithm_of_nothing_is_a_bad_row():
    with pytest.raises(InputDataError, match="row 3: -2 has no logarithm"):
        read(write(["CC,1", "CCC,-2"]), log10=True)


def test_file_that_is_none_is_one_line(folder):
    open("empty.csv", "w").close()
    with open("latin.csv", "wb") as file:
        file.write("smiles,value\nCC,1\nCO,2 °C\n".encode("latin-1"))
    with open("book.xlsx", "wb") as file:
        file.write(b"PK\x03\x04 and so on")
    with open("cut.csv.gz", "wb") as file:
        file.write(gzip.compress(b"smiles,value\n" * 999)[:-20])
    with open("cut.parquet", "wb") as file:
        file.write(b"PAR1 and nothing else")
    for name, message in (
        ("missing.csv", "cannot read missing.csv: No such file"),
        (".", "cannot read .: Is a directory"),
        ("empty.csv", "empty.csv is empty"),
        ("latin.csv", "latin.csv row 3: byte 0xb0 is not UTF-8: save the file as CSV UTF-8"),
        ("book.xlsx", "book.xlsx is an Excel workbook or a zip file"),
        ("cut.csv.gz", "cut.csv.gz is a damaged gzip file"),
        ("cut.parquet", "cut.parquet is a damaged Parquet file"),
    ):
        with pytest.raises(InputDataError, match=message):
            read(name)


def test_file_that_may_not_be_read_is_one_line(monkeypatch):
    file = write(GOOD)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(InputDataError, match=r"cannot read mine\.csv: Permission denied"):
        read(file)


def test_task_without_anything_to_learn_is_refused():
    constant = write([row.split(",")[0] + ",7" for row in GOOD])
    with pytest.raises(InputDataError, match="all 96 training values are equal"):
        pair(constant)
    with pytest.raises(InputDataError, match="the target has 1 molecules, a split needs 30"):
        pair(write(["CC,1"], name="one.csv"))
    benzenes = write([f"c1ccccc1{'C' * i},{i}" for i in range(1, 60)], name="benzenes.csv")
    with pytest.raises(InputDataError, match=r"leaves a part empty.*use --splits random"):
        pair(benzenes, split="scaffold")


def test_target_and_source_must_differ():
    file = write(GOOD)
    with pytest.raises(InputDataError, match="two of its tasks have the same molecules and values"):
        pair(file, source=TaskSpec("other", file=file, column="value"))


def told(smiles):
    return ["train", "Valid", "TEST", "training"][len(smiles) % 4]


def test_split_column_decides_the_parts():
    rows = [f"{row},{told(row.split(',')[0])}" for row in GOOD]
    found = pair(write(rows, "smiles,value,part"), split="file", split_column="part")
    assert len(found.target.train.smiles) + len(found.target.validation.smiles) + len(found.target.test.smiles) == 120
    assert min(len(p.smiles) for p in (found.target.train, found.target.validation, found.target.test)) > 5
    judged = {*found.target.validation.smiles, *found.target.test.smiles}
    assert not judged & {*found.sources[0].train.smiles, *found.sources[0].validation.smiles}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["CC,1,maybe"], "row 2: 'maybe' is not the name of a part: train, validation, test"),
        (["CC,1,"], "row 2: '' is not the name of a part"),
        (["CC,1,train", "C(C),2,test"], r"rows 2, 3 are the same molecule in different parts \(test, train\)"),
    ],
)
def test_bad_split_column_is_one_line(rows, message):
    with pytest.raises(InputDataError, match=message):
        read(write(rows, "smiles,value,part"), split_column="part")


def test_file_split_without_a_column_is_refused():
    with pytest.raises(InputDataError, match="--split-column"):
        pair(write(GOOD), split="file")
