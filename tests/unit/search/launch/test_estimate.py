"""Before a campaign: what a trial takes, what the whole takes, what would not fit."""

import dataclasses
import json

import pytest

from gear.config import EmbeddingConfig, PairSpec, TaskSpec, TrialConfig
from gear.evaluation.diagnostics import expected_memory_mb
from search.launch import estimate
from search.launch.estimate import Probe, probe, report
from search.launch.timing import TrialTime
from search.plan.settings import SearchSettings
from search.runtime import resources
from tests.support.fake_training import small_plan

NODE = {"CPU": 4.0, "memory": 16 * 2**30}
HERE = ("hv_from_ds", "random")


def probes(*places):
    """What the methods take, the same at every place."""
    times = {"gear": TrialTime(20.0, 60.0), "stl": TrialTime(30.0, 30.0)}
    memory = {"gear": 2048.0, "stl": 1024.0}
    return [Probe(name, memory[name], memory[name], dict.fromkeys(places or [HERE], times[name])) for name in times]


PROBES = probes()


def test_the_whole_campaign_is_its_trials_shared_among_the_slots():
    lines = report(small_plan(trials=8), [NODE], None, PROBES)
    assert "1 node with 4 CPUs, 0 GPUs and 16 GB: 4 trials at once" in lines[0]
    cost = "up to 2.0 GB, 0:20 by default, 1:00 as a mean of the space"
    assert f"a trial of gear on hv_from_ds random: {cost}" in lines[1]
    assert "campaign: about 3:00;" in lines[3]  # 8 x 90 s on 4 slots
    assert not any("does not fit" in line for line in lines)


def test_a_trial_and_the_campaign_take_as_long_as_their_folds():
    few = small_plan(trials=8, splits=("random-n60", "random"))
    times = {("hv_from_ds", "random-n60"): TrialTime(60.0, 90.0), HERE: TrialTime(100.0, 150.0)}
    lines = report(few, [NODE], None, [Probe("gear", 2048.0, 2048.0, times), Probe("stl", 1024.0, 1024.0, times)])
    assert "gear on hv_from_ds random-n60, 5 validation folds: up to 2.0 GB, 1:00 by default, 1:30 as" in lines[1]
    assert "gear on hv_from_ds random: up to 2.0 GB, 1:40 by default, 2:30 as a mean" in lines[2]
    assert "campaign: about 16:00;" in lines[5]  # 8 x (90 + 150) s x 2 methods on 4


def test_splits_with_other_folds_have_a_line_of_their_own():
    plan = small_plan(splits=("random", "random-fold1", "scaffold"), methods=["stl"], validation_folds=3)
    lines = report(plan, [NODE], None, PROBES[1:])
    assert "stl on hv_from_ds random, scaffold, 3 validation folds: " in lines[1]
    assert "stl on hv_from_ds random-fold1: " in lines[2]


def test_pairs_with_equally_many_labels_have_one_line_with_their_mean():
    plan = small_plan(pairs=["hv_from_ds", "dk_from_lp"], splits=("random-n60", "scaffold-n60"), methods=["stl"])
    places = [(pair, split) for pair in ("hv_from_ds", "dk_from_lp") for split in plan.splits]
    times = {place: TrialTime(10.0 * (k + 1), 20.0) for k, place in enumerate(places)}
    lines = report(plan, [NODE], None, [Probe("stl", 1024.0, 1024.0, times)])
    expected = "stl on random-n60, scaffold-n60, mean of 2 pairs, 5 validation folds: up to 1.0 GB, 0:25 by default"
    assert expected in lines[1]
    del times[places[-1]]
    lines = report(plan, [NODE], None, [Probe("stl", 1024.0, 1024.0, times)])
    assert "about 2:40, data not built yet as the others;" in lines[2]  # 8 x 4 x 20 s on 4


def test_trials_on_fresh_seeds_count():
    plain, finals = (report(small_plan(trials=8, finalists=n), [NODE], None, PROBES)[3] for n in (0, 2))
    assert "about 3:00;" in plain
    assert "about 4:30;" in finals  # 8 and 2 x 2 trials


def test_a_trial_holds_the_models_of_all_its_folds(monkeypatch):
    monkeypatch.setattr(estimate, "is_built", lambda code: False)
    one, more = (probe(small_plan(methods=["stl"], splits=(split,)))[0] for split in ("random", "random-n60"))
    assert more.memory_mb > one.memory_mb


def test_concurrency_limits_the_slots():
    lines = report(small_plan(trials=8), [NODE, NODE], 2, PROBES)
    assert "2 nodes with 8 CPUs, 0 GPUs and 32 GB: 2 trials at once" in lines[0]
    assert "campaign: about 6:00;" in lines[3]


@pytest.mark.parametrize(
    ("node", "search", "says"),
    [
        (NODE, {"cpus_per_trial": 8}, "no node has the 8 CPUs and 0 GPUs of a trial"),
        (NODE, {"gpus_per_trial": 0.5}, "no node has the 1 CPUs and 0.5 GPUs of a trial"),
        (NODE | {"memory": 2**32}, {}, "4 trials of 2.0 GB on a node with 4 GB: lower --concurrency"),
    ],
)
def test_what_does_not_fit_is_told(node, search, says):
    assert any(
        line.startswith("does not fit: ") and says in line
        for line in report(small_plan(**search), [node], None, PROBES)
    )


def test_data_that_are_not_built_are_not_built_for_a_probe(monkeypatch):
    monkeypatch.setattr(estimate, "is_built", lambda code: False)
    monkeypatch.setattr(estimate, "load_pair", None)
    found = probe(small_plan())
    assert [one.times for one in found] == [{}, {}]
    assert all("time not probed" in line for line in report(small_plan(), [NODE], None, found)[1:3])


@pytest.mark.parametrize(("size", "timed"), [(100, True), (200_000, False)])
def test_a_small_file_of_ones_own_is_read_for_a_probe(size, timed, pair, monkeypatch, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("x" * size)
    monkeypatch.setattr(estimate, "is_built", lambda code: True)
    monkeypatch.setattr(estimate, "load_pair", lambda *_: pair)
    monkeypatch.setattr(estimate, "trial_times", lambda configs, cells: dict.fromkeys(cells, TrialTime(1.0, 1.0)))
    own = PairSpec(TaskSpec("tg", file=str(file)), (TaskSpec("bp"),))
    plan = dataclasses.replace(small_plan(methods=["stl"]), pairs=(own,))
    (found,) = probe(plan)
    assert list(found.times) == ([("tg_from_bp", "random")] if timed else [])
    monkeypatch.setattr(estimate, "advice", lambda *_: ["do otherwise"])
    assert estimate.advised(plan) == (["tg_from_bp random: do otherwise"] if timed else [])


def test_a_probe_pretrains_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(estimate, "is_built", lambda code: True)
    monkeypatch.setattr(estimate, "_cell", lambda *_: "cell")
    monkeypatch.setattr(estimate, "trial_times", lambda configs, cells: asked.extend(configs) or {})
    config = TrialConfig(embedding=EmbeddingConfig(width=24, depth=5, pretrained="descriptors"))
    probe(dataclasses.replace(small_plan(), config=config))
    assert {(one.embedding.pretrained, one.embedding.width, one.embedding.depth) for one in asked} == {("none", 24, 5)}


def test_the_methods_of_a_plan_are_timed_where_their_data_are_at_hand(pair, monkeypatch):
    monkeypatch.setattr(estimate, "is_built", lambda code: True)
    monkeypatch.setattr(estimate, "load_pair", lambda *_: pair)
    monkeypatch.setattr(estimate, "TIMED", 0)
    found = probe(small_plan(methods=["stl"], epochs=2, splits=("random", "scaffold")))
    assert [list(one.times) for one in found] == [[HERE, ("hv_from_ds", "scaffold")]]
    assert all(time.by_default > 0 for one in found for time in one.times.values())
    assert found[0].memory_mb > expected_memory_mb(small_plan().config)


def test_the_autoscaler_may_start_as_many_nodes_as_its_configuration_says(tmp_path):
    path = tmp_path / "ray_bootstrap_config.yaml"
    gpu = {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 8}
    head = {"resources": {"CPU": 0}, "max_workers": 0}
    told = {"max_workers": 6, "head_node_type": "head", "available_node_types": {"head": head, "gpu": gpu}}
    path.write_text(json.dumps(told))
    settings = SearchSettings(gpus_per_trial=0.25)
    assert resources.startable(settings, path) == 6 * 4
    assert resources.startable(settings, tmp_path / "missing.yaml") == 0


GPU_NODE = NODE | {"GPU": 1.0}


@pytest.mark.parametrize(
    ("share", "memory", "fits"), [(0.25, 8, True), (0.25, 7, False), (1.0, 2, True), (1.0, 1, False)]
)
def test_trials_that_share_a_gpu_must_fit_in_its_memory(share, memory, fits):
    node = GPU_NODE | {estimate.GPU_MEMORY: memory * 2.0**30}
    lines = report(small_plan(gpus_per_trial=share, fuse="off"), [node], None, PROBES)
    sizes = f"{int(1 / share)} trials of 2.0 GB on a GPU with {memory} GB"
    assert (f"does not fit: {sizes}: raise --gpus-per-trial or lower --fuse" in lines) is not fits
    assert not any("not known" in line for line in lines)


def test_arrays_of_trials_must_fit_on_the_gpu_and_without_one_in_the_nodes_memory():
    larger = [dataclasses.replace(one, array_mb=8 * one.memory_mb) for one in PROBES]
    node = GPU_NODE | {estimate.GPU_MEMORY: 63 * 2.0**30}
    said = "does not fit: 4 arrays of trials of 16.0 GB on a GPU with 63 GB: raise --gpus-per-trial or lower --fuse"
    lines = report(small_plan(gpus_per_trial=0.25), [node], None, larger)
    assert [line for line in lines if line.startswith("does not fit")] == [said]
    assert any("trials as one array (--fuse) save up to three quarters" in line for line in lines)
    lines = report(small_plan(fuse="8"), [NODE], None, larger)
    assert any("4 trials of 16.0 GB on a node with 16 GB" in line for line in lines)
    assert not any("three quarters" in line for line in lines)


@pytest.mark.parametrize(("fuse", "gpus", "is_larger"), [("auto", 0.25, True), ("auto", 0.0, False), ("4", 0.0, True)])
def test_an_array_holds_the_models_of_all_its_trials(fuse, gpus, is_larger, monkeypatch):
    monkeypatch.setattr(estimate, "is_built", lambda code: False)
    plan = small_plan(methods=["stl", "mtl", "svr"], fuse=fuse, gpus_per_trial=gpus)
    of_stl, *others = probe(plan)
    assert (of_stl.array_mb > of_stl.memory_mb) is is_larger
    assert all(one.array_mb == one.memory_mb for one in others)


def test_a_gpu_whose_memory_is_not_known_is_said_to_be_so():
    lines = report(small_plan(gpus_per_trial=0.25), [GPU_NODE], None, PROBES)
    assert any("memory of the cluster's GPUs is not known here" in line for line in lines)


def test_what_is_known_not_to_fit_is_told_with_the_rest():
    assert "does not fit: the roof is low" in report(small_plan(), [NODE], None, PROBES, ["the roof is low"])


def test_a_head_that_may_start_gpus_counts_as_a_cluster_with_gpus_before_the_first_one_is_up(monkeypatch):
    monkeypatch.setattr(resources, "nodes", lambda: [{"CPU": 0.0}])
    monkeypatch.setattr(resources, "startable_nodes", lambda: [])
    assert not resources.has_gpu()
    monkeypatch.setattr(resources, "startable_nodes", lambda: [{"CPU": 4, "GPU": 1}] * 2)
    assert resources.has_gpu()
    assert len(resources.largest()) == 2
