"""The probe of sources: one that knows the target's answer helps, one of noise does not, and nothing leaks."""

import csv

import numpy as np
import pytest
from rdkit.Chem import MolFromSmiles
from rdkit.Chem.Descriptors import TPSA, MolLogP, NumRotatableBonds

from gear.config import TaskSpec
from gear.data.builtin.tables import load_property
from gear.errors import InputDataError
from gear.evaluation.source_ranking import MINIMUM, RankedSource, built_in_candidates, expectation, rank_sources
from gear.evaluation.source_table import Asked, search_command, source_lines
from gear.evaluation.uncertainty import Comparison, Interval


@pytest.fixture(scope="module")
def molecules():
    smiles = load_property("hv")["smiles"].to_pylist()
    return [smiles[row] for row in np.random.default_rng(0).permutation(len(smiles))[:400]]


@pytest.fixture(scope="module")
def table(molecules, tmp_path_factory):
    """40 labels of a hard function; an easier twin of it, noise, and one too small, on other molecules."""
    file = tmp_path_factory.mktemp("sources") / "mine.csv"
    generator = np.random.default_rng(1)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["smiles", "hard", "twin", "noise", "tiny"])
        for row, text in enumerate(molecules):
            mol = MolFromSmiles(text)
            answer = MolLogP(mol) ** 2 - 2 * NumRotatableBonds(mol) + TPSA(mol) / 10
            cells = ["", 2 * answer + 1, generator.normal(), generator.normal() if row < 45 else ""]
            writer.writerow([text, *([f"{answer:.6f}", "", "", ""] if row < 40 else cells)])
    return file


def task(table, column):
    return TaskSpec(column, file=str(table), column=column)


@pytest.fixture(scope="module")
def ranked(table):
    return rank_sources(task(table, "hard"), [task(table, name) for name in ("noise", "tiny", "twin")])


def test_the_source_that_knows_the_answer_comes_first(ranked):
    first, second = ranked
    assert (first.source.property, second.source.property) == ("twin", "noise")  # 5 molecules are too few
    assert first.molecules == 360
    assert first.helps
    assert first.change.ratio.value < 0.9
    assert not second.helps


def test_what_to_expect_is_said_in_words(ranked):
    first, second = map(expectation, ranked)
    assert "lower error than without a source (" in first
    assert second == "no gain that these labels can show" or "higher" in second


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (Interval(0.6, 0.5, 0.8), "about 40 % lower error than without a source (20 % to 50 %)"),
        (
            Interval(0.7, 0.6, 1.01),
            "about 30 % lower error than without a source, but too few labels to be sure (40 % lower to 1 % higher)",
        ),
        (Interval(0.97, 0.8, 1.2), "no gain that these labels can show"),
        (Interval(1.2, 1.1, 1.3), "about 20 % higher error than without a source: not this one"),
    ],
)
def test_each_expectation_has_its_words(ratio, words):
    assert expectation(RankedSource(TaskSpec("bp"), 100, 0, float("nan"), Comparison(ratio, 0.1))) == words


def relabelled(table, molecules, to):
    """The file with another label at each of these molecules."""
    rows = list(csv.DictReader(table.open()))
    with to.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | ({"hard": "3.0"} if row["hard"] and row["smiles"] in molecules else {}))
    return to


def test_held_out_labels_change_nothing(table, ranked, tmp_path):
    """The same file with other labels in the test part gives the same ranking, digit by digit."""
    from gear.config import PairSpec
    from gear.data import load_pair

    tested = set(load_pair(PairSpec(task(table, "hard"), ()), "random").target.test.smiles)
    assert tested
    changed = relabelled(table, tested, tmp_path / "mine.csv")
    again = rank_sources(task(changed, "hard"), [task(changed, "twin")])
    assert again[0].change == ranked[0].change


def test_labels_that_another_split_tests_on_change_nothing(table, tmp_path):
    from gear.config import PairSpec
    from gear.data import load_pair

    tested = set(load_pair(PairSpec(task(table, "hard"), ()), "scaffold").target.test.smiles)
    seen = set(load_pair(PairSpec(task(table, "hard"), ()), "random").target.test.smiles)
    assert tested - seen
    changed = relabelled(table, tested, tmp_path / "mine.csv")
    found = [
        rank_sources(task(file, "hard"), [task(file, "twin")], tested=others)[0].change
        for file in (table, changed)
        for others in ((), ("scaffold",))
    ]
    assert found[1] == found[3]
    assert found[0] != found[2]


def test_where_splits_test_on_every_label_a_source_must_be_named(table):
    folds = [f"random-cv{fold}" for fold in range(1, 6)]
    with pytest.raises(InputDataError, match="0 labels of hard are left to rank sources by"):
        rank_sources(task(table, "hard"), [task(table, "twin")], tested=folds)


def test_a_target_with_feature_columns_is_probed_by_the_median_of_each_molecule(table, ranked, tmp_path):
    rows = [row for row in csv.DictReader(table.open()) if row["hard"]]
    warm = [f"{row['smiles']},{float(row['hard']) + shift},{300 + 10 * shift}" for row in rows for shift in (-8, 0, 8)]
    (tmp_path / "warm.csv").write_text("\n".join(["smiles,hard,temperature", *warm]))
    target = TaskSpec("hard", file=str(tmp_path / "warm.csv"), column="hard", features=("temperature",))
    assert rank_sources(target, [task(table, "twin")])[0].change == ranked[0].change


def test_a_target_whose_candidates_are_all_too_small_is_refused(table):
    with pytest.raises(InputDataError, match=f"no source has {MINIMUM} molecules that hard lacks"):
        rank_sources(task(table, "hard"), [task(table, "tiny")])


def test_a_built_in_target_is_no_candidate_for_itself():
    codes = {candidate.property for candidate in built_in_candidates(TaskSpec("hv"))}
    assert "hv" not in codes
    assert {"bp", "ds"} < codes
    assert "hv" in {candidate.property for candidate in built_in_candidates(TaskSpec("hv", file="a.csv", column="hv"))}


def test_lines_end_with_the_command_that_searches(ranked, table):
    asked = Asked(task(table, "hard"), labels=40)
    *_, last = source_lines(asked, ranked)
    assert last.endswith(search_command(asked, ranked[0].source))
    assert f"--target-data {table} --target-column hard --source-data {table} --source-column twin" in last
    assert search_command(Asked(TaskSpec("hv")), TaskSpec("bp")) == "gear-search run --pairs hv_from_bp"


def test_a_source_that_no_search_takes_is_named_without_a_command(ranked, table):
    *_, last = source_lines(Asked(TaskSpec("ct")), ranked)
    assert last == f"the first is twin of {table}, but a built-in target is searched with built-in sources only"
