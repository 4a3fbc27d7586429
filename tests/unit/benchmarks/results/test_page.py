"""The page is made of the tables and the text, and of nothing else."""

import dataclasses
import math
import re
from pathlib import Path

import pytest
from results import page
from results.rows import CampaignFacts, CellChange, Loss

from gear.errors import InputDataError

ROOT = Path(__file__).parents[4]
TEXT = (ROOT / "docs" / page.DATA / page.TEXT).read_text()
SAMPLE = ROOT / "tests" / "results"  # made of a small real campaign: three pairs, one split seed


@pytest.fixture
def found(rows):
    """Tables of a campaign."""
    losses = [Loss("ablation", "p", "random", 0, "gear", epoch, "validation_rmse", 1 / epoch) for epoch in (1, 2, 3)]
    change = CellChange("benchmark", "hv_from_bp", "random", 60, 1, "gear", "stl", -0.2, -0.3, math.nan, 0.001, 99)
    facts = CampaignFacts("benchmark", "b-1", 1, 6, 72, 72, 5, 3, 20, "2", 2, "1234567890abcdef", "torch 2", "monday")
    known = {"errors": rows, "changes": [change], "losses": losses, "campaigns": [facts]}
    return dict.fromkeys(page.RECORDS, ()) | known


def test_tables_are_read_as_they_were_written(found, tmp_path):
    page.write_tables(found, tmp_path / "b-1")
    again = page.read_tables(tmp_path)
    assert repr(again) == repr({name: list(rows) for name, rows in found.items()})  # NaN equals nothing
    first = {path.name: path.read_bytes() for path in (tmp_path / "b-1").iterdir()}
    assert sorted(first) == ["campaigns.parquet", "changes.parquet", "errors.parquet", "losses.parquet"]
    page.write_tables(again, tmp_path / "b-1")
    assert {path.name: path.read_bytes() for path in (tmp_path / "b-1").iterdir()} == first


def test_tables_of_campaigns_are_added_to_each_other_and_made_anew(found, tmp_path):
    other = [dataclasses.replace(row, split_seed=2) for row in found["errors"]]
    page.write_tables(found, tmp_path / "b-1")
    page.write_tables(dict.fromkeys(page.RECORDS, ()) | {"errors": other}, tmp_path / "b-2")
    together = page.read_tables(tmp_path)
    assert [row.split_seed for row in together["errors"]] == [1] * len(other) + [2] * len(other)
    page.write_tables(dict.fromkeys(page.RECORDS, ()) | {"errors": other}, tmp_path / "b-1")
    with pytest.raises(InputDataError, match="gear on hv_from_bp random, 60 labels, split seed 2 is in two campaigns"):
        page.read_tables(tmp_path)
    (tmp_path / "b-2" / "errors.parquet").unlink()
    assert page.read_tables(tmp_path) == {name: [] for name in page.RECORDS} | {"errors": other}


def test_a_table_that_is_another_is_named(found, tmp_path):
    page.write_tables(found, tmp_path / "b-1")
    errors = (tmp_path / "b-1" / "errors.parquet").read_bytes()
    (tmp_path / "b-1" / "losses.parquet").write_bytes(errors)
    with pytest.raises(InputDataError, match=r"losses\.parquet is no table of results"):
        page.read_tables(tmp_path)
    (tmp_path / "b-1" / "losses.parquet").unlink()
    (tmp_path / "b-1" / "mine.parquet").write_bytes(errors)
    with pytest.raises(InputDataError, match=r"mine\.parquet is no table of results"):
        page.read_tables(tmp_path)


def test_the_text_asks_for_every_block_and_keeps_its_words(found):
    assert sorted(page.PLACE.findall(TEXT)) == sorted(page.BLOCKS)
    files = page.render(found, TEXT)
    made = files[page.PAGE]
    assert "{{" not in made
    assert [line for line in TEXT.splitlines() if line.startswith("#")] == [
        line for line in made.splitlines() if line.startswith("#")
    ]
    figures = re.findall(r"!\[.*?\]\((.*?)\)", made)
    assert set(figures) == set(files) - {page.PAGE, "results/errors.md"}
    names = ["ratios", "pairs-random", "labels-random", "ablation-validation-rmse"]
    assert figures == [f"results/{name}.svg" for name in names]
    assert all(files[figure].startswith("<svg") for figure in figures)


def test_what_was_not_run_is_said_so():
    made = page.render(dict.fromkeys(page.RECORDS, ()), TEXT)[page.PAGE]
    assert made.count(page.NOT_RUN) > 5


def test_a_place_that_nothing_fills_is_refused(found):
    with pytest.raises(InputDataError, match=r"the text asks for \{\{nothing\}\}; known: campaigns"):
        page.render(found, "a\n{{nothing}}\n")


COMMITTED = [folder for folder in (SAMPLE, ROOT / "docs") if folder == SAMPLE or (folder / page.PAGE).exists()]


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_a_committed_page_is_that_of_its_tables_and_text(folder):
    text = (folder / page.DATA / page.TEXT).read_text()
    made = page.render(page.read_tables(folder / page.DATA), text)
    assert len(made) >= 3
    for path, content in made.items():
        assert (folder / path).read_text() == content, f"{path}: run benchmarks/make_results.py"
