"""The comparison with `chemprop hpopt`: what both sides are given, and what is read from their results."""

import csv
import dataclasses
import json
import math
import tomllib

import bench_hpopt
import pytest
from bench_hpopt import Outcome, Task
from process_tree import Cost

from gear.testing.pairs import synthetic_pair
from search.plan.plan_file import plan_from_dict

TASK = Task("ours", "ct_from_bp", "random", 4, 20, 2, "")
COST = Cost(100.0, 50.0, 900.0, 0)
NONE = Cost(0.0, 0.0, 0.0, 0)


@pytest.fixture(params=[False, True], ids=["as it is", "logarithm"])
def pair(request):
    pair = synthetic_pair()
    return dataclasses.replace(pair, target=dataclasses.replace(pair.target, log10=request.param))


def test_chemprop_gets_every_molecule_in_its_part(pair, tmp_path):
    bench_hpopt.write_molecules(pair, tmp_path / "molecules.csv")
    with (tmp_path / "molecules.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, part in (("train", pair.target.train), ("val", pair.target.validation), ("test", pair.target.test)):
        values = {row["smiles"]: float(row["value"]) for row in rows if row["part"] == name}
        assert list(values) == list(part.smiles)
        expected = [math.log10(value) if pair.target.log10 else value for value in part.value]
        assert list(values.values()) == pytest.approx(expected, rel=1e-12)


def test_its_predictions_are_judged_in_the_unit_of_the_property(pair, tmp_path):
    test = pair.target.test
    shifted = [math.log10(value + 3) if pair.target.log10 else value + 3 for value in test.value]
    rows = list(zip(test.smiles, shifted, strict=True))
    with (tmp_path / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("smiles", "value"), *reversed(rows)])
    assert bench_hpopt.predicted_rmse(tmp_path / "test.csv", pair) == pytest.approx(3)
    with (tmp_path / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("smiles", "value"), *rows[1:]])
    with pytest.raises(RuntimeError, match="lacks 1 molecules"):
        bench_hpopt.predicted_rmse(tmp_path / "test.csv", pair)


def test_trials_hold_fewer_cpus_than_ray_has_so_that_some_can_train(tmp_path):
    words = bench_hpopt.hpopt(TASK, tmp_path / "ray")
    given = dict(zip(words[2::2], words[3::2], strict=True))
    assert words[1] == "hpopt"
    assert int(given["--raytune-num-samples"]) == 4
    assert int(given["--raytune-num-cpus"]) > 4 + 2
    assert (given["--epochs"], given["--splits-column"]) == ("20", "part")


@pytest.mark.parametrize(
    ("side", "pruner", "steps", "patience", "folds"),
    [("ours", "none", 1, 0, 1), ("ours, as it comes", "halving", 25, 25, 0)],
)
def test_our_plan_is_the_same_search(side, pruner, steps, patience, folds):
    plan = plan_from_dict(tomllib.loads(bench_hpopt.plan(TASK._replace(side=side))) | {"key_version": 2})
    (study,) = plan.studies
    assert (study.pair.id, study.split, study.method_name) == ("ct_from_bp", "random", "stl")
    assert (plan.search.trials, plan.search.pruner, plan.search.validation_folds) == (4, pruner, folds)
    training = plan.config.training
    assert (training.epochs, training.epoch_steps, training.patience) == (20, steps, patience)


@pytest.mark.parametrize(
    ("log", "ended"),
    [
        ("", 0),
        ("Trial status: 4 PENDING\n", 0),
        ("Trial status: 2 RUNNING\nx\nTrial status: 1 TERMINATED | 1 ERROR | 2 RUNNING\n", 2),
        ("Trial status: 3 RUNNING | 1 TERMINATED\nTrial status: 12 TERMINATED\n", 12),
    ],
)
def test_trials_that_ended_are_read_from_the_last_status(log, ended):
    assert bench_hpopt.ended_trials(log) == ended


def test_what_has_been_run_is_kept(tmp_path):
    whole = Outcome(TASK, COST, NONE, 4, 12.5)
    late = Outcome(
        TASK._replace(side="chemprop hpopt"), COST._replace(code=None), NONE._replace(code=None), 1, math.nan
    )
    assert bench_hpopt.kept(tmp_path / "none.jsonl") == {}
    (tmp_path / "kept.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (whole, late)))
    found = bench_hpopt.kept(tmp_path / "kept.jsonl")
    assert found[whole.task] == whole
    assert found[late.task][:4] == late[:4]
    assert math.isnan(found[late.task].rmse)


def test_a_command_that_was_ended_is_run_again_only_with_more_time():
    late = Outcome(TASK, COST._replace(code=None), NONE, 1, math.nan)
    assert late.would_go_on(200.0)
    assert not late.would_go_on(50.0)
    assert not Outcome(TASK, COST, NONE, 4, 12.5).would_go_on(200.0)


def test_the_table_compares_with_ours_and_says_what_is_only_a_bound():
    peer = TASK._replace(side="chemprop hpopt", algorithm="random")
    whole = Outcome(peer, COST._replace(cpu=500.0), COST, 4, 25.0)
    late = Outcome(peer, COST._replace(cpu=500.0, code=None), NONE, 1, math.nan)
    default = Outcome(TASK._replace(side="chemprop train, defaults"), NONE, COST, 0, 15.0)
    *_, first, second, third = bench_hpopt.table([Outcome(TASK, COST, NONE, 4, 12.5), whole, default])
    assert first == "| ct_from_bp | ours | 4 of 4 | 100 | 50 | 1.0 | 900 | 12.5 | 1.00 |"
    assert second == "| ct_from_bp | chemprop hpopt | 4 of 4 | 200 | 550 | 11.0 | 900 | 25 | 2.00 |"
    assert "| no search |" in third
    *_, last = bench_hpopt.table([Outcome(TASK, COST, NONE, 4, 12.5), late])
    assert "| 1 of 4 | at least 100 | at least 500 | at least 10.0 | 900 | none |  |" in last
