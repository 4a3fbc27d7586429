"""Rows of campaign folders."""

import json
import shutil
from pathlib import Path

import pytest
from results.collect import TERMS, collected, read, rows_of

from gear.evaluation.source_ranking import GAIN

RECORDED = Path(__file__).parents[3] / "campaigns" / "format2"  # ef_from_hv, random, one trial of gear and of stl


def copy(folder, preset, **search):
    """The recorded campaign under another preset."""
    shutil.copytree(RECORDED, folder)
    head = json.loads((folder / "campaign.json").read_text())
    head["plan"]["preset"] = preset
    head["plan"]["search"] |= search
    (folder / "campaign.json").write_text(json.dumps(head))
    return folder


def test_winners_are_rows(tmp_path):
    rows = list(rows_of(read(copy(tmp_path / "one", "benchmark-all"))))
    assert [(row.experiment, row.method, row.kind, row.labels) for row in rows] == [
        ("benchmark", "gear", "method", 0),
        ("benchmark", "stl", "method", 0),
    ]
    assert len({row.cell for row in rows}) == 1
    assert all(row.seconds > 0 and 0 < row.mae < row.rmse for row in rows)


def test_a_campaign_has_its_tables(tmp_path):
    found = collected(copy(tmp_path / "one", "benchmark", split_seed=2))
    assert [facts.split_seed for facts in found["campaigns"]] == [2]
    assert (found["losses"], found["effects"], found["savings"]) == ([], [], [])
    (expected,) = found["expectations"]
    assert (expected.pair, expected.split, expected.labels, expected.split_seed) == ("ef_from_hv", "random", 0, 2)
    assert -1 < expected.change < 1
    assert expected.gain is (expected.change < -GAIN)
    (change,) = found["changes"]
    assert (change.method, change.other, change.split_seed) == ("gear", "stl", 2)
    gear, stl = found["errors"]
    assert change.value == pytest.approx(gear.rmse / stl.rmse - 1, rel=1e-6)
    assert change.low <= change.value <= change.high
    assert 1e-5 < change.p_value <= 1


def test_winners_that_were_tested_before_are_counted(tmp_path):
    events = copy(tmp_path / "one", "benchmark") / "events" / "000001.jsonl"
    before = collected(tmp_path / "one")["campaigns"][0]
    events.write_text(events.read_text().replace('"test_evaluations":1', '"test_evaluations":2', 1))
    after = collected(tmp_path / "one")["campaigns"][0]
    assert [(facts.tested, facts.tested_again) for facts in (before, after)] == [(2, 0), (2, 1)]


def test_of_an_ablation_the_epochs_of_the_first_trial_are_kept(tmp_path):
    losses = collected(copy(tmp_path / "one", "ablation"))["losses"]
    assert {loss.term for loss in losses if loss.method == "gear"} == set(TERMS)
    assert [loss.epoch for loss in losses if (loss.method, loss.term) == ("stl", "validation_rmse")] == [1, 2, 3, 4]
