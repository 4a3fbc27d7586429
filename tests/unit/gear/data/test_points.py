"""A user's feature columns: a molecule has a data point for each set of features, all of them in one part."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from gear.config import PairSpec, TaskSpec
from gear.data import __main__ as data_command
from gear.data import load_pair
from gear.data.points import unknown_features
from gear.data.split_table import save_split
from gear.data.user_files.task_file import read_task
from gear.errors import InputDataError
from gear.testing.pairs import molecules

TEMPERATURES = (280.0, 300.0, 320.0)
HEADER = "smiles,eta,temperature,ph"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gear.data.user_files.task_file.cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def write(name, rows, header=HEADER):
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join([header, *rows]) + "\n")
    return name


def eta(smiles, temperature):
    return len(smiles) * 300 / temperature


def rows_at(temperatures, smiles=None):
    return [f"{s},{eta(s, t):.6f},{t},7" for s in smiles or molecules() for t in temperatures]


def task(file, features=("temperature",), name="eta", **options):
    return TaskSpec(name, file=file, column="eta", features=features, **options)


def target(features=("temperature",)):
    return task(write("visc.csv", rows_at(TEMPERATURES)), features)


def loaded(*sources, split="random", of=None, **where):
    return load_pair(PairSpec(of or target(), sources or (TaskSpec("st"),)), split, **where)


def parts_of(data):
    return [part for of_task in (data.target, *data.sources) for part in of_task.parts()]


def test_a_molecule_has_a_point_for_each_set_of_features_and_equal_ones_are_merged():
    file = write("a.csv", ["CCO,1,300,7", "OCC,3,300,7", "CCO,5,300,8", "CCO,9,310,7", "CCN,4,300,7"])
    table = read_task(task(file, ("temperature", "ph")))
    assert table.smiles.tolist() == ["CCN", "CCO"]
    assert table.value.tolist() == [4, 5]  # median of the points
    assert table.points.molecule.tolist() == [0, 1, 1, 1]
    assert table.points.value.tolist() == [4, 2, 5, 9]
    assert table.points.columns.tolist() == [[300, 7], [300, 7], [300, 8], [310, 7]]
    assert {name: table.facts[name] for name in ("rows", "merged into others", "data points", "molecules")} == {
        "rows": 5,
        "merged into others": 1,
        "data points": 4,
        "molecules": 2,
    }
    again = read_task(task(file, ("ph",)))  # another reading of the same file
    assert again.points.value.tolist() == [4, 3, 5]
    assert read_task(task(file, ())).points is None


def test_the_median_of_an_even_number_of_points_is_between_the_middle_two():
    table = read_task(task(write("a.csv", ["CC,1,1,7", "CC,2,2,7", "CC,9,3,7", "CC,10,4,7", "CO,3,1,7"])))
    assert table.value.tolist() == [5.5, 3]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("", "'' is not a number"), ("warm", "'warm' is not a number"), ("nan", "'nan' is not a finite number"),
     ("-inf", "'-inf' is not a finite number"), ("1e40", "1e40 is larger than")],
)  # fmt: skip
def test_a_feature_that_is_no_number_makes_a_bad_row(cell, reason):
    file = write("a.csv", ["CC,1,300,7", f"CO,2,{cell},7", "CN,,,"])  # a row without a value needs no features
    with pytest.raises(InputDataError, match=rf"a\.csv, row 3: column 'temperature': {reason}.*--drop-bad-rows"):
        read_task(task(file))
    table = read_task(task(file, drop_bad_rows=True))
    assert table.smiles.tolist() == ["CC"]
    assert table.facts["bad rows dropped"] == 1


def test_a_decimal_comma_is_read_in_features_too():
    file = write("a.csv", ["CC;1,5;298,15", "CO;2;300"], "smiles;eta;temperature")
    assert read_task(task(file)).points.columns.tolist() == [[298.15], [300]]


def test_a_table_without_the_column_is_told_with_its_name():
    file = write("a.csv", ["CC,1,300,7"])
    with pytest.raises(InputDataError, match=r"a\.csv has no column 'T' \(it has: smiles, eta.*--source-features"):
        read_task(task(file, ("T",)))


@pytest.mark.parametrize(
    ("split", "fold"),
    [
        *((split, fold) for split in ("random", "scaffold", "random-n40") for fold in (0, 1)),
        *((split, 0) for split in ("random-fold2", "extrapolation-high", "examples.plugins.my_split:by_weight")),
    ],
)
def test_a_split_keeps_all_points_of_a_molecule_in_one_part(split, fold):
    other = task(write("other.csv", rows_at((290.0, 300.0))), name="other")
    found = loaded(other, TaskSpec("bp"), split=split, fold=fold)
    of_target = [set(part.smiles) for part in found.target.parts()]
    assert all(of_target)
    assert sum(map(len, of_target)) == len(set.union(*of_target))
    for part in found.target.parts():
        assert len(part.smiles) == len(TEMPERATURES) * len(set(part.smiles))
    judged = of_target[1] | of_target[2]
    for source in found.sources:
        assert not judged & {*source.train.smiles, *source.validation.smiles}
        assert not {*source.train.smiles} & {*source.validation.smiles}


def test_a_number_of_labels_counts_molecules():
    found = loaded(split="random-n40").target
    assert [len(set(part.smiles)) for part in found.parts()[:2]] == [32, 8]


def test_rows_of_parts_lead_to_molecule_value_and_features():
    other = task(write("other.csv", rows_at((290.0, 300.0))), name="other")
    found = loaded(other, TaskSpec("bp"), split="random-overlap")
    assert found.rows == len(found.points.molecule) == len(found.points.columns)
    for part in parts_of(found):
        assert found.smiles[found.points.molecule[part.rows]].tolist() == part.smiles.tolist()
        assert len(set(part.rows)) == len(part.rows)
    for of_task in (found.target, found.sources[0]):
        for part in of_task.parts():
            temperature = found.features_of(part)["temperature"]
            expected = [eta(s, t) for s, t in zip(part.smiles, temperature, strict=True)]
            np.testing.assert_allclose(part.value, expected, atol=1e-5)
    assert np.isnan(found.points.columns[found.sources[1].train.rows]).all()
    shared = {*found.target.train.rows} & {*found.sources[0].train.rows}
    assert set(found.points.columns[sorted(shared), 0]) == {300.0}  # the one temperature of both is one point


def test_a_source_may_have_some_of_the_columns():
    other = task(write("other.csv", rows_at((290.0,)), HEADER), ("ph",), name="other")
    found = loaded(other, of=target(("temperature", "ph")))
    columns = found.points.columns[found.sources[0].train.rows]
    assert np.isnan(columns[:, 0]).all()
    assert (columns[:, 1] == 7).all()
    spec = PairSpec(target(("temperature", "ph")), (other, TaskSpec("st")))
    assert unknown_features(spec) == [
        "eta_from_other+st: source other has no temperature: its molecules are read at the mean of the others",
        "eta_from_other+st: source st has no temperature, ph: its molecules are read at the mean of the others",
    ]
    assert unknown_features(PairSpec(target(("ph",)), (other,))) == []


def test_hashes_depend_on_features_and_not_on_the_order_of_rows():
    first, again = loaded(), loaded(of=task(write("b.csv", rows_at(TEMPERATURES)[::-1])))
    assert (first.split_hash, first.data_hash) == (again.split_hash, again.data_hash)
    rows = [row.replace(",280.0,", ",281.0,") for row in rows_at(TEMPERATURES)]
    other = loaded(of=task(write("c.csv", rows)))
    assert first.split_hash != other.split_hash
    assert first.data_hash != other.data_hash


@pytest.mark.parametrize("noise", ["gaussian20", "shuffled20", "published20"])
def test_noise_corrupts_labels_of_points(noise):
    clean, noisy = loaded(), loaded(split=f"random-{noise}")
    assert clean.data_hash == noisy.data_hash
    for part in noisy.target.parts():
        assert noisy.smiles[noisy.points.molecule[part.rows]].tolist() == part.smiles.tolist()
    assert sorted(noisy.target.train.value) != sorted(clean.target.train.value) or noise == "shuffled20"


def test_a_file_names_the_part_of_all_points_of_a_molecule():
    told = ["train", "train", "valid", "test"]
    rows = [f"{row},{told[len(row.split(',')[0]) % 4]}" for row in rows_at(TEMPERATURES)]
    file = write("a.csv", rows, f"{HEADER},fold")
    found = loaded(of=task(file, split_column="fold"), split="file").target
    assert sum(len(part.smiles) for part in found.parts()) == len(rows)
    for part, remainders in zip(found.parts(), ({0, 1}, {2}, {3}), strict=True):
        assert part.smiles.size
        assert {row.split(",")[4] for row in rows if row.split(",")[0] in part.smiles} == {
            told[remainder] for remainder in remainders
        }


def test_one_molecule_in_two_parts_of_a_file_is_told():
    file = write("a.csv", ["CC,1,300,train", "CC,2,310,test"], "smiles,eta,temperature,part")
    with pytest.raises(InputDataError, match="rows 2, 3 are the same molecule in different parts"):
        read_task(task(file, split_column="part"))


def test_too_few_molecules_are_told_however_many_points_there_are():
    few = task(write("few.csv", rows_at(range(280, 320), ["CCO", "CCN"])))
    with pytest.raises(InputDataError, match="the target has 2 molecules, a split needs 30"):
        loaded(of=few)


def test_a_saved_split_holds_the_features(folder):
    found = loaded()
    save_split(folder / "split.parquet", found)
    table = pq.read_table(folder / "split.parquet")
    assert table.column_names == ["role", "task", "part", "smiles", "value", "temperature"]
    assert len(table) == sum(len(part.value) for part in parts_of(found))
    assert table["temperature"].to_pylist()[:3] == list(TEMPERATURES)


def test_check_shows_the_columns(monkeypatch, capsys):
    file = write("visc.csv", rows_at(TEMPERATURES))
    monkeypatch.setattr("sys.argv", ["gear.data", "check", file, "--column", "eta", "--features", "temperature", "ph"])
    assert data_command.main() == 0
    told = capsys.readouterr().out
    assert "360  data points" in told.replace(",", "")
    assert "120  molecules" in told
    assert "280 to        320      3 values  temperature" in told
    assert "7 to          7      1 values  ph" in told


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TaskSpec("hv", features=("t",)), "hv is a built-in property, which has no column 't'"),
        (lambda: task("a.csv", ("t", "t")), "the feature column 't' of eta is named twice"),
        (lambda: task("a.csv", ("eta",)), "the feature column 'eta' of eta has a name with another use"),
        (lambda: task("a.csv", ("smiles",)), "'smiles' of eta has a name with another use"),
        (lambda: task("a.csv", ("spread",)), "'spread' of eta has a name with another use: rename the column"),
        (
            lambda: PairSpec(task("a.csv", ()), (task("b.csv", ("t",), "other"),)),
            "source other has the feature column 't', which target eta lacks",
        ),
    ],
)
def test_columns_that_cannot_be_are_refused(build, message):
    with pytest.raises(InputDataError, match=message):
        build()
