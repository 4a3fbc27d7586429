"""Rows of campaign folders."""

import json
import shutil
from pathlib import Path

import pytest
from results.collect import TERMS, collected, handed_on, read, rows_of

from gear.errors import InputDataError
from tests.support.fake_training import Simulation, small_plan

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


def test_a_configuration_that_came_back_to_its_target_on_another_split_is_handed_on():
    plan = small_plan(pairs=["hv_from_ds", "ct_from_bp"], splits=("random", "scaffold"), methods=["stl"])
    campaign = Simulation(plan).run().campaign
    hv, other_hv = campaign.studies["hv_from_ds.random.stl"], campaign.studies["hv_from_ds.scaffold.stl"]
    ct = campaign.studies["ct_from_bp.random.stl"]
    for study in campaign.studies.values():
        for trial in study.trials:
            trial.origin = "random"
    hv.trials[2].origin = f"study {ct.name} #1"
    hv.trials[3].of = 2
    assert not handed_on(campaign, hv.trials[3])  # ct found it by itself
    ct.trials[1].origin = f"study {hv.name} #0"
    assert not handed_on(campaign, hv.trials[3])  # it is of the same split
    ct.trials[1].origin = f"study {other_hv.name} #4"
    assert [handed_on(campaign, hv.trials[number]) for number in (1, 2, 3)] == [False, True, True]
    ct.trials[1].origin = "study earlier-1/hv_from_ds.scaffold.stl #4"  # of another campaign, which is not looked at
    assert not handed_on(campaign, hv.trials[3])


def test_parts_and_seeds_of_an_experiment_come_together(tmp_path):
    folders = [copy(tmp_path / str(seed), "benchmark", split_seed=seed) for seed in (1, 2)]
    found = collected(folders)
    assert {row.split_seed for row in found["errors"]} == {1, 2}
    assert [facts.split_seed for facts in found["campaigns"]] == [1, 2]
    assert found["losses"] == []
    first, second = found["changes"]
    assert (first.method, first.other, first.split_seed, second.split_seed) == ("gear", "stl", 1, 2)
    gear, stl = found["errors"][:2]
    assert first.value == pytest.approx(gear.rmse / stl.rmse - 1, rel=1e-6)
    assert first.low <= first.value <= first.high
    assert 1e-5 < first.p_value <= 1


def test_a_study_that_was_tested_twice_is_refused(tmp_path):
    folders = [copy(tmp_path / name, "benchmark") for name in ("a", "b")]
    with pytest.raises(InputDataError, match="gear on ef_from_hv random, all labels, split seed 0 is in two campaigns"):
        collected(folders)


def test_winners_that_were_tested_before_are_counted(tmp_path):
    events = copy(tmp_path / "one", "benchmark") / "events" / "000001.jsonl"
    before = collected([tmp_path / "one"])["campaigns"][0]
    events.write_text(events.read_text().replace('"test_evaluations":1', '"test_evaluations":2', 1))
    after = collected([tmp_path / "one"])["campaigns"][0]
    assert [(facts.tested, facts.tested_again) for facts in (before, after)] == [(2, 0), (2, 1)]


def test_of_an_ablation_the_epochs_of_the_first_trial_are_kept(tmp_path):
    losses = collected([copy(tmp_path / "one", "ablation")])["losses"]
    assert {loss.term for loss in losses if loss.method == "gear"} == set(TERMS)
    assert [loss.epoch for loss in losses if (loss.method, loss.term) == ("stl", "validation_rmse")] == [1, 2, 3, 4]
