"""Files that cannot be used, given to the command as a user gives them: exit code 2 and one clear line."""

from pathlib import Path

import pytest

from gear.testing.pairs import molecules
from search import run
from search.launch import run_campaign

FLAGS = ["--target-column", "tg", "--source-data", "other.csv", "--source-column", "tm", "--splits", "random"]
GOOD = [f"{smiles},{index}" for index, smiles in enumerate(molecules())]


@pytest.fixture
def search(tmp_path, monkeypatch, capsys):
    """Search with a target file of these lines; gives exit code and what was said on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run_campaign, "connected", None)  # bad data end a run before anything is started
    (tmp_path / "other.csv").write_text("\n".join(["smiles,tm", *(f"{row}5" for row in GOOD)]))

    def command(content, *flags, target="mine.csv"):
        (tmp_path / "mine.csv").write_bytes(content if isinstance(content, bytes) else "\n".join(content).encode())
        monkeypatch.setattr("sys.argv", ["search.run", "--target-data", str(target), *FLAGS, *flags])
        code = run.main()
        return code, capsys.readouterr().err

    return command


def bad(row):
    return ["smiles,tg", "CC,1", row]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param([], "mine.csv is empty", id="empty"),
        pytest.param(["smiles,tg"], "no row with a value in column 'tg'", id="header only"),
        pytest.param(["smiles,tb", "CC,1"], "no column 'tg' (it has: smiles, tb): pass --target-column", id="column"),
        pytest.param(["smiles|tg", "CC|1"], "separated by commas, semicolons or tabs", id="delimiter"),
        pytest.param("smiles,tg\nCC,1\nCO,2°\n".encode("latin-1"), "row 3: byte 0xb0 is not UTF-8", id="not UTF-8"),
        pytest.param("smiles,tg\nCC,1\n".encode("utf-16"), "row 1: byte 0xff is not UTF-8", id="UTF-16"),
        pytest.param(bad("CO,nan"), "row 3: 'nan' is not a finite number", id="NaN"),
        pytest.param(bad("CO,inf"), "row 3: 'inf' is not a finite number", id="inf"),
        pytest.param(bad("CO,high"), "row 3: 'high' is not a number", id="text"),
        pytest.param(bad("CO,1e308"), "row 3: 1e308 is larger than 1e+30", id="10^308"),
        pytest.param(bad("C1CC,1"), "row 3: cannot parse SMILES 'C1CC': fix the file or pass --drop-bad", id="SMILES"),
        pytest.param(bad("[H][H],1"), "row 3: '[H][H]' has no atom heavier than hydrogen", id="hydrogens"),
        pytest.param(bad("C" * 2000 + ",1"), "row 3: 2000 atoms, the maximum is 1000", id="2,000 atoms"),
        pytest.param(["smiles,tg,tg", "CC,1,2"], "has 2 columns 'tg': rename all but one", id="two columns"),
        pytest.param(["smiles,tg", *(row.split(",")[0] + ",7" for row in GOOD)], "values are equal", id="constant"),
        pytest.param(["smiles,tg", "CC,1"], "the target has 1 molecules, a split needs 30", id="one molecule"),
        pytest.param(["smiles,tg", *(f"{row}5" for row in GOOD)], "have the same molecules and values", id="identical"),
    ],
)
def test_bad_file_is_one_line(content, says, search):
    code, error = search(content)
    assert code == 2
    assert says in error
    assert_one_line(error)


def test_one_bad_row_of_a_hundred_thousand_is_found(search):
    rows = [f"{'C' * (i % 30 + 1)}O,{i}" for i in range(100_000)]
    rows[77_777] = "C1CC,1"
    code, error = search(["smiles,tg", *rows])
    assert code == 2
    assert "row 77779: cannot parse SMILES 'C1CC': fix" in error
    assert_one_line(error)


def test_one_scaffold_cannot_be_split_by_scaffold(search):
    code, error = search(["smiles,tg", *(f"c1ccccc1{'C' * i},{i}" for i in range(1, 60))], "--splits", "scaffold")
    assert code == 2
    assert "leaves a part empty: add molecules with other scaffolds, or use --splits random" in error
    assert_one_line(error)


@pytest.mark.parametrize(
    ("content", "flags", "says"),
    [
        (["smiles,tg", *GOOD], ["t"], "mine.csv has no column 't' (it has: smiles, tg): pass --features"),
        (
            ["smiles,tg,t", "CC,1,"],
            ["t", "--source-features"],
            "mine.csv, row 2: column 't': '' is not a number: fix the file or pass --drop",
        ),
        (["smiles,tg,t", "CC,1,300"], ["t", "t"], "the feature column 't' of tg is named twice"),
        (["smiles,tg", "CC,1"], ["tg"], "the feature column 'tg' of tg has a name with another use"),
        (
            ["smiles,tg,t", *(f"{row},300" for row in GOOD)],
            ["t"],
            "other.csv has no column 't' (it has: smiles, tm): pass ",
        ),
    ],
)
def test_feature_columns_that_cannot_be_used(content, flags, says, search):
    code, error = search(content, "--features", *flags)
    assert code == 2
    assert says in error
    assert_one_line(error)


def test_folder_is_no_file(search, tmp_path):
    code, error = search([], target=tmp_path)
    assert code == 2
    assert f"cannot read {tmp_path}: Is a directory" in error
    assert_one_line(error)


def test_file_that_may_not_be_read(search, monkeypatch):
    real = Path.open  # permissions do not bind root, who may run this

    def refused(path, *args, **options):
        if path.name == "mine.csv" and args == ("rb",):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr("pathlib.Path.open", refused)
    code, error = search(["smiles,tg", *GOOD])
    assert code == 2
    assert "mine.csv: Permission denied" in error
    assert_one_line(error)


def test_disk_that_is_full_while_caching(search, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    code, error = search(["smiles,tg", *GOOD])
    assert code == 2
    assert "(No space left on device); GEAR_CACHE moves the cache" in error
    assert_one_line(error)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def assert_one_line(error):
    *notes, last = error.splitlines()
    assert last.startswith("error: ")
    assert not [line for line in notes if line.startswith(("error", "Traceback", " "))]
