"""Errors by number of labels, from a campaign folder and in the terminal."""

import io

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from search.campaign.leaderboard import Standing
from search.cli.label_table import print_label_curves
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.results.label_curves import label_curves
from search.results.references import Reference
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support.fake_training import small_plan

PLAN = small_plan("labels")
SIZES = {"random-n30": 30, "random-n120": 120, "random": 480}
HEAD = {
    "plan": plan_to_dict(PLAN),
    "data": {f"hv_from_ds.{split}": {"unit": "kJ/mol", "labels": str(labels)} for split, labels in SIZES.items()},
    "created": "monday",
    "versions": {},
}
N = 40


@pytest.fixture
def tested(tmp_path):
    """Rows, references and the folder: GEAR has half the error of single-task training."""
    rows, references = [], []
    with CampaignStore.create(LocalPath(tmp_path / "labels"), HEAD, plan_to_toml(PLAN)) as store:
        for split, labels in SIZES.items():
            for method, scale, validation in (("gear", 10, 0.3), ("stl", 20, 0.5), ("svr", 15, None)):
                study, rmse = f"hv_from_ds.{split}.{method}", scale * labels**-0.5
                if validation is None:
                    study = f"hv_from_ds.{split}.reference-svr"
                    references.append(Reference("hv_from_ds", split, "svr", {"rmse": rmse / 8}, split, "d"))
                else:
                    numbers = {"validation_rmse": validation, "test_rmse": rmse / 8}
                    rows.append(Standing(study, "hv_from_ds", split, method, 1, 0, 0, **numbers))
                columns = {"smiles": [f"C{k}" for k in range(N)], "value": np.linspace(-5, 5, N), "part": ["test"] * N}
                errors = rmse * np.where(np.arange(N) % 2, 1.0, -1.0)
                store.write_predictions(study, pa.table({**columns, "prediction": columns["value"] + errors}))
    return rows, references, LocalPath(tmp_path / "labels")


def test_curves_are_read_with_the_numbers_of_labels(tested):
    rows, references, folder = tested
    (curve,) = label_curves(rows, references, HEAD, folder)
    assert curve.labels == [30, 120, 480]
    assert set(curve.points) == {"gear", "stl", "untuned SVR"}
    assert curve.champions == dict.fromkeys(curve.labels, "gear")


def test_all_labels_are_left_out_where_their_number_was_not_recorded(tested):
    rows, references, folder = tested
    earlier = {"data": {f"hv_from_ds.{split}": {"unit": "kJ/mol"} for split in SIZES}}
    (curve,) = label_curves(rows, references, earlier, folder)
    assert curve.labels == [30, 120]


def test_one_number_of_labels_reads_nothing(tested):
    rows, references, _ = tested
    alone = [row for row in rows if row.split == "random"]
    assert label_curves(alone, references, HEAD, LocalPath("/nowhere")) == []


def test_the_terminal_has_a_table_and_says_what_is_saved(tested):
    rows, references, folder = tested
    screen = Console(file=io.StringIO(), width=160, markup=False)
    print_label_curves(screen, label_curves(rows, references, HEAD, folder), {"hv_from_ds": "kJ/mol"})
    text = screen.file.getvalue()
    assert "hv_from_ds random: test RMSE in kJ/mol by number of labels" in " ".join(text.split())
    assert "│     30 │    1.826 (1.826 to 1.826) │    3.651 (3.651 to 3.651) │    2.739 (2.739 to 2.739) │" in text
    assert "bold]" not in text
    expected = "stl needs 120 labels (95 % interval 120 to 120) for the test error that gear reaches with 30 labels"
    assert f"hv_from_ds random: {expected}; labels saved: 90\n" in text
