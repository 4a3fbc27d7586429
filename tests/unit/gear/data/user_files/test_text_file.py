"""Text tables of every layout that people's programs write hold the same rows; damage and bombs are one line."""

import csv
import gzip
import io
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gear.data.user_files import text_file, unpacking
from gear.data.user_files.table_file import open_table, require_column, require_smiles
from gear.errors import InputDataError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
CELL = st.text(st.sampled_from("ab1 ,;\t\"'#.\n"), max_size=6)
ROWS = st.lists(
    st.tuples(st.sampled_from(["CCO", "c1ccccc1", "C[N+](=O)[O-]"]), st.sampled_from(["1", "-2.5"]), CELL),
    min_size=1,
    max_size=8,
)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def made(rows, header, delimiter, end="\n", before="", quoting=csv.QUOTE_MINIMAL):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([header, *rows])
    return (before.replace("\n", end) + file.getvalue()).encode()


def rows_of(path, wanted=("value",)):
    table = open_table(path, wanted)
    return table.columns, [tuple(row.cells) for row in table.rows]


@quick
@given(
    ROWS,
    CELL.map(lambda text: "note" + text.strip()),
    st.sampled_from(sorted(DELIMITERS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "# a comment, of; all\tkinds\n", "\n\n", "#\n# more\n\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
    st.booleans(),
)
def test_the_same_rows_are_read_however_they_are_written(
    tmp_path, rows, note, delimiter, end, before, quoting, bom, zipped
):
    header = ["smiles", "value", note]
    # the writer leaves \n without quotation marks where lines end with \r
    content = made(rows, header, delimiter, end, before, csv.QUOTE_ALL if end == "\r" else quoting)
    content = (b"\xef\xbb\xbf" if bom else b"") + content
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(content) if zipped else content)
    columns, found = rows_of(path)
    assert columns == tuple(name.strip() for name in header)
    assert found == rows


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_excel_says_which_delimiter_it_wrote(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    path.write_bytes(f"sep={delimiter}\r\n".encode() + made([("CCO", "1")], ["smiles", "value"], delimiter, "\r\n"))
    assert rows_of(path) == (("smiles", "value"), [("CCO", "1")])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("smiles\tvalue, at 298 K, dry\nCCO\t1\n", 2),
        ("smiles;value, K\nCCO;1,5\nCC;2,5\n", 2),
        ('"smiles;a";value\nCCO;1\n', 2),
        ('smiles,"a;b;c;d",value\nCCO,1,2\n', 3),
        ("smiles,synonyms;other,value\nCCO,a;b,1\n", 3),
        ("smiles\n", 1),
    ],
)
def test_the_delimiter_is_that_which_makes_a_table(tmp_path, text, columns):
    path = tmp_path / "a.txt"
    path.write_text(text)
    found, rows = rows_of(path, ())
    assert len(found) == columns
    assert all(len(row) == columns for row in rows)


def test_lines_are_counted_from_the_beginning_of_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'# comment\r\n\r\nsmiles,value\r\nCCO,"1\r\n2"\r\n\r\nCC,3\r\nC\r\n')
    assert [row.line for row in open_table(path).rows] == [5, 7, 8]


def test_a_long_cell_that_nobody_asked_for_does_not_matter(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"smiles,value,note\nCCO,1,{'x' * 1_000_000}\n")
    assert rows_of(path)[1][0][:2] == ("CCO", "1")


@pytest.mark.parametrize("content", ["line", "quoted", "cells", "rows"])
def test_a_gzip_bomb_is_one_line_in_bounded_time_and_memory(tmp_path, content, monkeypatch):
    monkeypatch.setattr(text_file, "LONGEST", 2**18)
    monkeypatch.setattr(unpacking, "UNPACKED", 2**18)
    monkeypatch.setattr(unpacking, "RATIO", 20)
    head = b"smiles,value\nCCO,1\n"
    one = {"line": b"C" * 2**18, "quoted": b"a\n" * 2**17, "cells": b'"\n",' * 2**16, "rows": b"CCCCCCCC,1\n" * 2**15}[
        content
    ]
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(head + (b'"' if content == "quoted" else b""))
        for _ in range(50):
            file.write(one)
    begin = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(
            InputDataError, match=r"bomb\.csv\.gz (row \d+: longer than|unpacks to more than)"
        ) as caught:
            for _ in open_table(path).rows:
                pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 2**20  # of 5 to 20 MiB that it unpacks to
    assert time.process_time() - begin < 10
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["SMILES", "Smiles", "canonical_smiles", "smi", "Isomeric SMILES", "rdkit-smiles"])
def test_the_one_column_that_is_obviously_meant_is_taken(tmp_path, name):
    path = tmp_path / "a.csv"
    path.write_text(f"id,{name},value\n1,CCO,2\n")
    assert require_smiles(open_table(path), "smiles") == 1
    with pytest.raises(InputDataError, match="no column 'structure'"):
        require_smiles(open_table(path), "structure")


def test_of_two_columns_that_may_be_meant_none_is_taken(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("SMILES,canonical_smiles\nOCC,CCO\n")
    with pytest.raises(InputDataError, match="has SMILES, canonical_smiles: choose one of them with --smiles-column"):
        require_smiles(open_table(path), "smiles")
    path.write_text("SMILES,smiles\nOCC,CCO\n")
    assert require_smiles(open_table(path), "smiles") == 1


def test_a_header_that_was_taken_for_a_comment_is_hinted_at(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# smiles,value\nCCO,1\n")
    with pytest.raises(InputDataError, match="1 lines before the header are blank, or begin with #"):
        require_column(open_table(path), "value", "pass --target-column")
