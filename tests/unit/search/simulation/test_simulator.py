"""Recorded curves say of other configurations what the nearest one did, and policies are compared on them."""

import dataclasses
import itertools
import math
from collections import Counter

import pytest

from gear.errors import InputDataError
from search.campaign.campaign import Campaign
from search.cli import simulator
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.plan.presets import PRESETS
from search.simulation import DEFAULT_CURVES, SHIPPED
from search.simulation.recorded_curves import Curve, Curves, read_curves, write_curves
from search.simulation.simulator import Policy, Simulation, compare, policies
from search.simulation.surrogate import Nearest, Reordered, Smooth
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support import fake_training

STUDY = "hv_from_ds.random.stl"
PLAN = fake_training.small_plan(trials=12, methods=["stl"], splits=("random", "scaffold"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaigns") / "recorded"
    with CampaignStore.create(LocalPath(folder), {"plan": plan_to_dict(PLAN)}, plan_to_toml(PLAN)) as store:
        for step in fake_training.Simulation(PLAN).run().steps:
            store.append(*step)
    return folder


@pytest.fixture(scope="module")
def curves(folder):
    return read_curves(str(folder))


def replayed(curves, params, surrogate=Nearest):
    """What the surrogate reports for a trial with these parameters."""
    job = Campaign(PLAN).next_job("x")
    config = job.spec.config
    for path, value in params.items():
        group, name = path.split(".")
        config = dataclasses.replace(config, **{group: dataclasses.replace(getattr(config, group), **{name: value})})
    job = dataclasses.replace(job, study=STUDY, spec=dataclasses.replace(job.spec, config=config))
    return list(surrogate(curves)(job))


def test_a_recorded_configuration_has_its_own_curve(curves):
    complete = next(curve for curve in curves.trials if curve.study == STUDY and curve.state == "complete")
    rows = replayed(curves, complete.params)
    assert [row.metrics["best_validation_rmse"] for row in rows[:9]] == list(complete.values)
    assert [row.status for row in rows[:9]] == ["running"] * 8 + ["complete"]


def test_another_configuration_has_the_curve_of_the_nearest(curves):
    complete = next(curve for curve in curves.trials if curve.study == STUDY and curve.state == "complete")
    beside = {**complete.params, "embedding.dropout": complete.params["embedding.dropout"] + 1e-6}
    assert replayed(curves, beside) == replayed(curves, complete.params)


def test_a_curve_that_was_cut_off_goes_on_level(curves):
    pruned = next(curve for curve in curves.trials if curve.study == STUDY and curve.state == "pruned")
    values = [row.metrics["best_validation_rmse"] for row in replayed(curves, pruned.params)[:9]]
    assert values[: len(pruned.values)] == list(pruned.values)
    assert set(values[len(pruned.values) :]) == {pruned.values[-1]}


def test_a_failure_is_replayed_where_it_happened(curves):
    first = next(curve for curve in curves.trials if curve.study == STUDY)
    failed = dataclasses.replace(first, state="failed", values=first.values[:2])
    others = [curve for curve in curves.trials if curve is not first]
    rows = replayed(Curves(PLAN, [failed, *others]), failed.params)
    assert [(row.status, row.epoch) for row in rows] == [("running", 1), ("running", 2), ("failed", None)]


def test_a_trial_takes_as_long_as_it_took(curves):
    first, *others = curves.trials
    slow = dataclasses.replace(first, study=STUDY, seconds=16.0, values=[0.5] * 8, state="complete")
    rows = replayed(Curves(PLAN, [slow, *others]), first.params)
    assert [row.metrics["seconds"] for row in rows[:8]] == [2.0] * 8


def test_a_number_that_was_not_recorded_does_not_count(curves):
    complete = next(curve for curve in curves.trials if curve.study == STUDY and curve.state == "complete")
    asked = {**complete.params, "embedding.dropout": 0.3}
    known = {name: value for name, value in complete.params.items() if name != "embedding.dropout"}
    forgetful = [dataclasses.replace(curve, params=known) if curve is complete else curve for curve in curves.trials]
    assert replayed(Curves(PLAN, forgetful), asked) == replayed(curves, complete.params)


@pytest.mark.parametrize("name", ["curves.jsonl", "curves.jsonl.gz"])
def test_curves_survive_their_file(name, curves, tmp_path):
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        write_curves(curves, folder / name)
    assert read_curves(str(tmp_path / "one" / name)) == curves
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_the_curves_that_come_with_the_program_are_those_of_the_preset():
    shipped = read_curves("all-labels")
    # an earlier version recorded them, with its settings
    assert [study.name for study in shipped.plan.studies] == [study.name for study in PRESETS["curves"].studies]
    assert shipped.plan.search.trials == PRESETS["curves"].search.trials
    assert Counter(curve.study for curve in shipped.trials) == {
        study.name: shipped.plan.search.trials for study in shipped.plan.studies
    }
    assert all(len(curve.values) == shipped.plan.epochs for curve in shipped.trials if curve.state == "complete")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_file_of_curves_that_comes_with_the_program_can_be_simulated(name):
    shipped = read_curves(name)
    assert {curve.study for curve in shipped.trials} == {study.name for study in shipped.plan.studies}
    assert all(len(curve.values) == shipped.plan.epochs for curve in shipped.trials if curve.state == "complete")


@pytest.mark.parametrize("text", ["", "no curves\n", '{"speed": 1}\n'])
def test_what_is_no_file_of_curves_is_named(text, tmp_path):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(InputDataError, match=r"x\.jsonl|unknown key speed"):
        read_curves(str(tmp_path / "x.jsonl"))


@pytest.mark.parametrize("size", [0, 10, 300])
def test_a_compressed_file_that_is_cut_off_is_named(size, curves, tmp_path):
    write_curves(curves, tmp_path / "whole.gz")
    (tmp_path / "x.jsonl.gz").write_bytes((tmp_path / "whole.gz").read_bytes()[:size])
    with pytest.raises(InputDataError, match=r"no recorded curves in .*x\.jsonl\.gz"):
        read_curves(str(tmp_path / "x.jsonl.gz"))


def values(rows):
    return [row.metrics["best_validation_rmse"] for row in rows if row.epoch is not None]


def test_a_smooth_surface_tells_good_from_bad_beside_what_was_recorded(curves):
    complete = sorted(
        (curve for curve in curves.trials if curve.study == STUDY and curve.state == "complete"),
        key=lambda curve: curve.values[-1],
    )
    for curve in (complete[0], complete[-1]):
        beside = {**curve.params, "embedding.dropout": min(curve.params["embedding.dropout"] + 1e-3, 0.3)}
        shown = values(replayed(curves, beside, Smooth))
        assert shown != values(replayed(curves, curve.params, Smooth))
        assert shown == pytest.approx(values(replayed(curves, curve.params, Smooth)), rel=0.01)
        assert len(shown) == PLAN.epochs
        assert all(later <= earlier for earlier, later in itertools.pairwise(shown))
    best, worst = (values(replayed(curves, curve.params, Smooth))[-1] for curve in (complete[0], complete[-1]))
    assert best < worst


def test_a_smooth_surface_is_level_where_nothing_differed(curves):
    same = [dataclasses.replace(curve, values=[0.5] * PLAN.epochs, state="complete") for curve in curves.trials]
    assert values(replayed(Curves(PLAN, same), curves.trials[0].params, Smooth)) == pytest.approx([0.5] * PLAN.epochs)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_on_a_smooth_surface_a_trial_fails_where_the_nearest_failed(share, curves):
    own = [curve for curve in curves.trials if curve.study == STUDY]
    failed = [dataclasses.replace(curve, state="failed", values=[]) for curve in own[: round(share * len(own))]]
    others = [curve for curve in curves.trials if curve.study != STUDY]
    rows = replayed(Curves(PLAN, [*failed, *own[len(failed) :], *others]), failed[0].params, Smooth)
    assert [(row.status, row.epoch) for row in rows] == [("failed", None)]


def test_a_study_without_a_trial_cannot_be_replayed(curves):
    with pytest.raises(InputDataError, match=f"no trial of {STUDY} has ended"):
        Nearest(Curves(PLAN, [curve for curve in curves.trials if curve.study != STUDY]))


def test_recorded_trials_can_be_searched_in_another_order(curves):
    plan = dataclasses.replace(PLAN, search=dataclasses.replace(PLAN.search, pruner="none"))
    orders = []
    for seed in (0, 0, 1):
        campaign = Campaign(plan)
        Simulation(campaign, Reordered(curves, seed)).run()
        orders.append([trial.value for trial in campaign.studies[STUDY].searched])
    recorded = [curve.values[-1] for curve in curves.trials if curve.study == STUDY]
    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(order) == sorted(recorded) for order in orders)


def test_policies_add_one_thing_at_a_time():
    names = [policy.name for policy in policies("gp")]
    assert names == ["random", "gp", "gp + halving", "gp + halving + transferred starts"]
    assert policies("random", ["none"], transfer_starts=False) == [Policy("random")]
    two = [policy.pruner for policy in policies("tpe", ["halving", "median"])]
    assert two == ["none", "none", "halving", "median", "halving"]


def test_a_comparison_is_of_whole_studies_and_early_stopping_saves_epochs(curves):
    found = compare(Nearest(curves), policies("random", transfer_starts=False), trials=20, seeds=2, grace_epochs=2)
    whole, stopped = (found[policy][STUDY] for policy in found)
    for trace in (*whole, *stopped):
        assert [point.trials for point in trace] == list(range(1, 21))
        assert all(later.best <= earlier.best for earlier, later in itertools.pairwise(trace))
    assert all(trace[-1].epochs == 20 * PLAN.epochs for trace in whole)
    assert all(trace[-1].epochs < 20 * PLAN.epochs for trace in stopped)
    assert min(trace[-1].best for trace in whole) >= min(curve.values[-1] for curve in curves.trials)


def test_what_follows_the_search_of_a_recorded_campaign_is_not_compared(curves):
    again = dataclasses.replace(
        PLAN, search=dataclasses.replace(PLAN.search, finalists=3, final="refit", final_labels="all")
    )
    ways = [Policy("random")]
    assert compare(Nearest(Curves(again, curves.trials)), ways, 8, 1, 2) == compare(Nearest(curves), ways, 8, 1, 2)


def test_simulated_twice_is_the_same(curves):
    first, second = (compare(Nearest(curves), [Policy("tpe", "halving", True)], 8, 1, 2) for _ in range(2))
    assert first == second
    assert math.isfinite(first[Policy("tpe", "halving", True)][STUDY][0][-1].best)


def test_a_thousand_trials_run_without_ray(curves):
    campaign = Campaign(Policy("random", "halving").plan(curves.plan, 500, 2, 0))
    Simulation(campaign, Nearest(curves), slots=8).run()
    assert [study.ended for study in campaign.studies.values()] == [500, 500]


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*flags):
        monkeypatch.setattr("sys.argv", ["search.cli.simulator", *map(str, flags), "--jobs", "1"])
        code = simulator.main()
        return code, capsys.readouterr().out

    return call


def test_the_command_compares_policies(folder, command):
    code, text = command(folder, "--trials", 8, "--seeds", 2)
    assert code == 0
    assert f"{STUDY}: best validation RMSE" in text
    assert "8 trials" in text
    assert "to random search's best of 8, medians of 2 seeds and 2 studies:" in text
    for policy in policies("tpe"):
        assert f"  {policy.name}: " in text


def test_the_command_knows_the_curves_that_come_with_the_program_by_their_name(command):
    flags = ("--trials", 1, "--seeds", 1, "--surrogate", "nearest", "--no-transfer-starts")
    code, text = command(DEFAULT_CURVES, *flags)
    assert code == 0
    assert all(f"{study.name}: best validation RMSE" in text for study in read_curves(DEFAULT_CURVES).plan.studies)


def test_studies_of_few_labels_are_compared_like_others(command, tmp_path):
    plan = fake_training.small_plan(trials=6, methods=["stl"], splits=("random-n30", "scaffold-n120-overlap"))
    record = [event for step in fake_training.Simulation(plan).run().steps for event in step]
    trials = [
        Curve(trial.study, trial.params, trial.state, [*trial.curve.values()])
        for study in Campaign(plan, events=record).studies.values()
        for trial in study.searched
    ]
    write_curves(Curves(plan, trials), tmp_path / "few.jsonl.gz")
    code, text = command(tmp_path / "few.jsonl.gz", "--trials", 4, "--seeds", 1)
    assert code == 0
    assert all(f"{study.name}: best validation RMSE" in text for study in plan.studies)


def test_the_command_exports_and_reads_its_export(folder, command, tmp_path):
    code, text = command(folder, "--export", tmp_path / "curves.jsonl")
    assert (code, text.startswith("24 curves in ")) == (0, True)
    assert (
        command(tmp_path / "curves.jsonl", "--trials", 4, "--seeds", 1)[1]
        == command(folder, "--trials", 4, "--seeds", 1)[1]
    )
