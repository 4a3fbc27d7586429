"""The command line: what cannot be done ends with one line and exit code 2 before anything is written."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gear.data import load_pair
from gear.errors import InputDataError
from gear.export import load_export
from gear.methods import METHODS
from search import load_campaign, run
from search.campaign.events import Launched
from search.cli import record
from search.cli import run as cli
from search.cli.run_options import begun_again, extended, make_parser, new_plan
from search.launch.timing import TrialTime
from search.runtime import connection, resources
from search.storage.campaign_store import read_events
from search.storage.locate import open_folder
from tests.support.fake_training import small_plan
from tracking.client import open_client
from tracking.recording import recorder
from tracking.registry import champions, rivals


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run the command with flags in an empty folder; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_has_gpu", lambda options: False)

    def command(*flags):
        monkeypatch.setattr("sys.argv", ["search.run", *flags])
        code = run.main()
        return code, *capsys.readouterr()

    return command


def parse(*flags):
    return make_parser().parse_args(flags)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--pairs", "hv_from_gold"], "unknown property 'gold'"),
        (["--pairs", "gold_*"], "unknown pair 'gold_*'"),
        (["--splits", "cluster"], "unknown split 'cluster'"),
        (["--methods", "magic"], "unknown method 'magic'"),
        (["--trials", "0"], "search.trials must be at least 1"),
        (["--plan", "missing.toml"], "cannot read plan missing.toml"),
        (["--name", "../up"], "--name ../up"),
        (["--resume"], "no campaign in campaigns: start one"),
        (["--resume", "--name", "x"], "no campaign in campaigns/x"),
        (["--or-resume"], "--or-resume: give the campaign a --name"),
        (["--storage", "/dev/null/campaigns"], "cannot write campaigns to /dev/null/campaigns"),
        (["--tracking-uri", "nonsense://x"], "give another --tracking-uri"),
        (["--tracking-uri", "sqlite:////no/such/folder/mlflow.db"], "there is no folder /no/such/folder"),
        (["--tracking-uri", "http://me:secret@127.0.0.1:1"], "set MLFLOW_TRACKING_USERNAME"),
        (["--address", "ray://head:10001"], "--address ray://head:10001: give HOST:PORT"),
        (["--address", "head"], "--address head: give HOST:PORT"),
        (["--cluster", "missing.yaml"], "--cluster missing.yaml: there is no such file"),
        (["--address", f"127.0.0.1:{closed_port()}"], "nothing answers at --address"),
        (["--pairs", "hv_from_ds+hv"], "pair 'hv_from_ds+hv' names a task twice"),
        (["--methods", "mtl", "--source-embedding", "text"], "embedding.source_kind must be 'same'"),
        (["--target-data", "mine.csv", "--target-column", "y", "--source-column", "x"], "--source-data is missing"),
        (["--dry-run", "--target-data", "no.csv", "--target-column", "y", "--source-property", "hv"], "cannot read"),
        (["--target-data", "1.csv", "--target-column", "2", "--source-data", "b", "--source-column", "y"], "a letter"),
        (
            ["--target-data", "a/x.csv", "--target-column", "y", "--source-data", "b/x.gz", "--source-column", "Y"],
            "no different names",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_written(call, tmp_path, flags, says):
    code, _, err = call(*flags)
    assert code == 2
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert says in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [["--time-budget", "soon"], ["--epochs", "-1"], ["--preset", "huge"]])
def test_a_flag_that_cannot_be_read_ends_with_2(call, flags):
    with pytest.raises(SystemExit) as end:
        call(*flags)
    assert end.value.code == 2


def test_an_existing_name_is_refused_without_resume(call, tmp_path):
    (tmp_path / "campaigns" / "mine").mkdir(parents=True)
    (tmp_path / "campaigns" / "mine" / "campaign.json").write_text("{}")
    code, _, err = call("--name", "mine")
    assert (code, "campaigns/mine exists" in err) == (2, True)


def test_a_dry_run_says_which_preset_and_why_prints_the_plan_and_writes_nothing(call, tmp_path, monkeypatch):
    second = TrialTime(1.0, 1.0)
    monkeypatch.setattr("search.launch.estimate.trial_times", lambda _, cells: dict.fromkeys(cells, second))
    code, out, _ = call("--dry-run")
    assert code == 0
    assert "preset quick: a first search" in out
    assert "campaign quick-1: 12 studies" in out
    assert "72 in all" in out
    assert "hv_from_bp" in out
    assert list(tmp_path.iterdir()) == []


def test_without_flags_it_is_a_first_search_and_trials_share_a_gpu():
    found = [new_plan(parse(), gpu=gpu)[0] for gpu in (True, False)]
    assert [(plan.preset, plan.search.gpus_per_trial) for plan in found] == [("quick", 0.25), ("quick", 0.0)]


def test_flags_change_the_preset():
    flags = "--pairs hv_from_* --splits scaffold --methods stl --trials 3 --epochs 7 --seed 5 --cpus-per-trial 2"
    plan, _ = new_plan(parse(*flags.split()), gpu=False)
    assert {study.method for study in plan.studies} == {"stl"}
    assert {study.split for study in plan.studies} == {"scaffold"}
    assert (plan.search.trials, plan.epochs, plan.search.seed, plan.search.cpus_per_trial) == (3, 7, 5, 2)


def test_a_pair_of_ones_own_becomes_a_study(tmp_path):
    flags = ["--target-data", str(tmp_path / "a.csv"), "--target-column", "Flash point (K)", "--target-unit", "K"]
    flags += ["--source-data", str(tmp_path / "b.parquet"), "--source-column", "bp", "--source-log"]
    plan, _ = new_plan(parse(*flags, "--source-smiles-column", "SMILES"), gpu=False)
    (pair,) = plan.pairs
    assert pair.id == "flashpointk_from_bp"
    assert (pair.target.column, pair.target.unit, pair.target.smiles_column) == ("Flash point (K)", "K", "smiles")
    assert (pair.sources[0].log10, pair.sources[0].smiles_column) == (True, "SMILES")


def test_ones_own_target_can_learn_from_several_columns_and_from_built_in_properties(tmp_path):
    flags = ["--target-data", "a.csv", "--target-column", "tg", "--source-data", "b.csv", "--source-column", "tm", "td"]
    (pair,) = new_plan(parse(*flags, "--source-property", "bp"), gpu=False)[0].pairs
    assert pair.id == "tg_from_tm+td+bp"
    assert [Path(source.file).name if source.file else None for source in pair.sources] == ["b.csv", "b.csv", None]
    (pair,) = new_plan(parse(*flags[:4], "--source-property", "bp"), gpu=False)[0].pairs
    assert pair.id == "tg_from_bp"


def test_two_columns_called_value_are_told_apart_by_their_files():
    flags = [
        "--target-data",
        "tg.csv",
        "--target-column",
        "value",
        "--source-data",
        "tm.tsv",
        "--source-column",
        "value",
    ]
    (pair,) = new_plan(parse(*flags), gpu=False)[0].pairs
    assert pair.id == "tg_from_tm"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--target-data", "a.csv"], "--target-column is missing"),
        (["--target-data", "a.csv", "--target-column", "x", "--source-data", "b.csv"], "--source-column is missing"),
        (
            ["--target-data", "a", "--target-column", "x", "--source-data", "b", "c", "--source-column", "y", "z", "w"],
            "2 files and --source-column 3 columns",
        ),
    ],
)
def test_half_a_pair_of_ones_own_is_refused(flags, says):
    with pytest.raises(InputDataError, match=says):
        new_plan(parse(*flags), gpu=False)


def test_methods_may_be_all_of_them_and_variants():
    plan, _ = new_plan(parse("--methods", "all", "gear-no-curv", "stl"), gpu=False)
    assert plan.methods == (*METHODS, "gear-no-curv")


def test_target_and_source_may_be_read_in_different_forms():
    plan, _ = new_plan(parse("--embedding", "text", "--source-embedding", "fingerprint"), gpu=False)
    assert (plan.config.embedding.kind, plan.config.embedding.of_source.kind) == ("text", "fingerprint")


def test_resuming_may_raise_the_budget_and_the_timeout_and_change_nothing_else():
    plan = small_plan(trials=8)
    assert extended(plan, parse("--resume")) == plan
    assert extended(plan, parse("--resume", "--trials", "12")).search.trials == 12
    assert extended(plan, parse("--resume", "--epoch-timeout", "5m")).search.epoch_timeout == 300
    for flags in (
        ["--trials", "4"],
        ["--epochs", "50"],
        ["--methods", "stl"],
        ["--sampler", "gp"],
        ["--pruner", "none"],
        ["--no-transfer-starts"],
    ):
        with pytest.raises(Exception, match=flags[0]):
            extended(plan, parse("--resume", *flags))


def test_the_same_command_given_again_may_raise_the_budget_and_another_one_is_refused():
    asked, _ = new_plan(parse("--name", "mine", "--trials", "8"), gpu=False)
    assert begun_again(asked, asked) == asked
    more, _ = new_plan(parse("--name", "mine", "--trials", "12"), gpu=False)
    assert begun_again(asked, more) == more
    with pytest.raises(InputDataError, match="--trials 8: the campaign has 12 already"):
        begun_again(more, asked)
    for flags in (["--seed", "1"], ["--epochs", "3"], ["--methods", "stl"], ["--pairs", "st_from_ri"]):
        other, _ = new_plan(parse("--name", "mine", "--trials", "8", *flags), gpu=False)
        with pytest.raises(InputDataError, match="campaign mine was begun with another plan"):
            begun_again(asked, other)


def test_sampler_pruner_and_transferred_starts_are_flags():
    plan, _ = new_plan(parse("--sampler", "gp", "--pruner", "median", "--no-transfer-starts"), gpu=False)
    assert (plan.search.sampler, plan.search.pruner, plan.search.transfer_starts) == ("gp", "median", False)
    plan, _ = new_plan(parse(), gpu=False)
    assert (plan.search.sampler, plan.search.pruner, plan.search.transfer_starts) == ("tpe", "halving", True)


def test_a_time_budget_has_a_unit():
    assert [parse("--time-budget", t).time_budget for t in ("90", "90s", "1.5m", "2h")] == [90, 90, 90, 7200]


def test_slots_are_counted_node_by_node():
    settings = small_plan(cpus_per_trial=2, gpus_per_trial=0.25).search
    assert resources.trials_on({"CPU": 16.0, "GPU": 1.0}, settings) == 4
    assert resources.trials_on({"CPU": 3.0, "GPU": 8.0}, settings) == 1
    assert resources.trials_on({"CPU": 16.0}, settings) == 0


def test_on_the_head_of_a_cluster_the_search_joins_it_unless_told_otherwise(call, tmp_path, monkeypatch):
    assert connection.where(None) is None
    assert connection.where("10.0.0.1:6379") == "10.0.0.1:6379"
    bootstrap = tmp_path / "ray_bootstrap_config.yaml"
    bootstrap.touch()
    monkeypatch.setattr(resources, "BOOTSTRAP", bootstrap)
    assert connection.where(None) == "auto"
    assert connection.where("local") is None


def test_places_come_from_the_environment(tmp_path):
    code = (
        "from search.cli.run_options import make_parser as p; a = p().parse_args([]); print(a.storage, a.tracking_uri)"
    )
    given = {**os.environ, "GEAR_STORAGE": str(tmp_path), "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True)
    assert done.stdout == f"{tmp_path} http://127.0.0.1:5000\n"


def happened(folder):
    """The events of a campaign but its launches."""
    return [event for event in read_events(open_folder(str(folder))) if not isinstance(event, Launched)]


@pytest.mark.ray
def test_a_search_ends_with_tested_registered_winners_and_a_resume_tests_nothing_again(call, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    what = ["--pairs", "hv_from_ds", "--splits", "random", "--methods", "gear", "stl", "--final", "best"]
    flags = [*what, "--trials", "2", "--epochs", "2", "--name", "mine"]
    code, out, _ = call(*flags)  # no database is there: this search makes it
    assert code == 0
    split_hash = load_pair("hv_from_ds", "random").split_hash
    assert re.search(rf"hv_from_ds\.random\.gear .* kJ/mol │ .* │ +1 │ {split_hash[:8]} │", out)
    assert re.search(r"test RMSE of gear is [\d.]+ % (higher|lower) than of stl", out)
    folder = tmp_path / "campaigns" / "mine"
    assert {path.name for path in (folder / "exports").iterdir()} == {"hv_from_ds.random.gear", "hv_from_ds.random.stl"}
    before = happened(folder)
    code, again, _ = call(*flags, "--or-resume")
    assert code == 0
    assert happened(folder) == before
    assert [line for line in again.splitlines() if "│" in line] == [line for line in out.splitlines() if "│" in line]
    assert load_campaign("mine", str(tmp_path / "campaigns")).outcome == "done"


def out_of_folds(pair, folds):
    """How many molecules are in the validation part of some fold."""
    parts = [load_pair(pair, "random", fold=fold).target.validation.smiles for fold in range(folds)]
    return len(set().union(*parts))


@pytest.mark.ray
@pytest.mark.usefixtures("uri")
def test_a_winner_of_folds_and_finalists_is_refitted_later_and_exported_as_an_ensemble(call, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    small = ["--pairs", "st_from_ri", "--methods", "stl", "--splits", "random", "--trials", "2", "--epochs", "1"]
    code, out, _ = call(*small, "--validation-folds", "2", "--finalists", "2", "--name", "mine")
    assert code == 0
    assert "2 validation folds per trial, the best 2 again on 2 fresh seeds" in out
    export = tmp_path / "campaigns/mine/exports/st_from_ri.random.stl"
    assert len(load_export(export).members) == 2
    assert len(load_export(export).calibration.scores) == out_of_folds("st_from_ri", 2)
    code, out, _ = call("--resume", "--name", "mine", "--final", "refit")
    assert code == 0
    assert re.search(r"st_from_ri\.random\.stl .*│ +2 │", out)  # tested once more, as an ensemble
    assert len(load_export(export).members) == 4 * 2
    assert len(load_export(export).calibration.scores) == out_of_folds("st_from_ri", 4)
    card = (export / "README.md").read_text()
    assert "mean and standard deviation" in card
    assert re.search(r"\| 90 % intervals \| \d+ of \d+ test molecules are inside their 90 % interval", card)
    table = pq.read_table(tmp_path / "campaigns/mine/predictions/st_from_ri.random.stl.parquet")
    assert table["smiles"].to_pylist() == list(load_pair("st_from_ri", "random").target.test.smiles)
    assert min(table["spread"].to_pylist()) > 0


@pytest.mark.ray
def test_a_blend_is_tested_once_and_registered_and_what_is_taken_home_may_learn_from_all_labels(
    call, uri, tmp_path, monkeypatch
):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    few = "--pairs ct_from_bp --methods svr gp --splits random --labels 60 --trials 2 --name mine"
    code, out, _ = call(*few.split(), "--validation-folds", "3", "--final", "blend", "--tracking-uri", uri)
    assert code == 0
    assert re.search(r"ct_from_bp random-n60: blend of \d+ % (svr|gp) #\d, .*(the blend is|stays) the champion", out)
    assert re.search(r"ct_from_bp\.random-n60\.blend .* │ +1 │", out)
    export = tmp_path / "campaigns/mine/exports/ct_from_bp.random-n60.blend"
    weights = [member["weight"] for member in json.loads((export / "config.json").read_text())["members"]]
    assert sum(weights) == pytest.approx(1)
    assert len(weights) % 3 == 0
    (champion,) = champions(uri)
    found = {alias for version in rivals(uri, champion.name) for alias in version.aliases}
    assert {"best_blend", "best_svr", "best_gp", "champion"} <= found
    code, out, _ = call("--resume", "--name", "mine", "--final-labels", "all", "--tracking-uri", uri)
    assert code == 0
    assert re.search(r"ct_from_bp\.random-n60\.blend .* │ +1 │", out)  # not tested again
    info = json.loads((export / "config.json").read_text())
    assert {member["trial"]["labels"] for member in info["members"]} == {"all"}
    assert info["sizes"]["target"]["train"] == 48
    assert "trained again on all their molecules" in (export / "README.md").read_text()
    assert np.isfinite(load_campaign("mine", "campaigns").predictor(export.name).predict(["CCO"])).all()


@pytest.mark.ray
def test_a_search_without_mlflow_ends_well_and_its_record_is_completed_later(call, uri, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    monkeypatch.setattr(recorder, "AWAY_SECONDS", 1.0)
    away = f"http://127.0.0.1:{closed_port()}"
    flags = "--pairs hv_from_ds --splits random --methods stl --trials 1 --epochs 1 --validation-folds 1 --name mine"
    code, out, _ = call(*flags.split(), "--tracking-uri", away)
    assert code == 0
    later = f"gear-search record mine --storage campaigns --tracking-uri {away}"
    assert f"MLflow at {away} does not answer: the search goes on" in out
    assert later in out
    assert f"hv_from_ds.random.stl: exported, but not registered: MLflow at {away} does not answer" in out
    monkeypatch.setattr("sys.argv", shlex.split(later.replace(away, uri))[1:])
    assert record.main() == 0
    (found,) = champions(uri)
    assert found.aliases == ("best_stl", "champion")
    for error in ("validation_rmse", "validation_mae", "test_rmse", "test_mae"):
        low, value, high = (float(found.evidence[f"{error}{end}"]) for end in ("_low", "", "_high"))
        assert low < value < high


EARLIER = Path(__file__).parents[2] / "campaigns" / "format2"  # finished, of two studies


@pytest.mark.ray
@pytest.mark.usefixtures("uri")
def test_a_copy_of_a_campaign_is_resumed_in_its_own_place_and_leaves_the_original_alone(call, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    first, copy = tmp_path / "campaigns/first", tmp_path / "more/first"
    shutil.copytree(EARLIER, first)
    code, out, _ = call("--resume", "--name", "first")
    assert (code, "it goes on as campaign first" in out) == (0, True)
    shutil.copytree(first, copy)
    before = everything_in(first), recorded("first")
    assert before[1]
    code, out, _ = call("--resume", "--name", "first", "--storage", "more")
    assert (code, f"more/first is a copy of {first}" in out, "campaign folder: more/first" in out) == (0, True, True)
    assert (everything_in(first), recorded("first")) == before
    identity = json.loads((copy / "campaign.json").read_text())["id"]
    assert len(recorded(f"first {identity}")) == len(before[1])


def everything_in(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def recorded(experiment):
    """The runs of an experiment, with all that MLflow holds of them."""
    client = open_client("sqlite:///mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return {run.info.run_id: run.to_dictionary() for run in runs}


def test_a_campaign_is_named_and_not_pointed_at(call, tmp_path):
    shutil.copytree(EARLIER, tmp_path / "campaigns/first")
    code, _, err = call("--resume", "--name", "../campaigns/first")
    assert (code, "--name ../campaigns/first: give the name of a folder in campaigns" in err) == (2, True)
