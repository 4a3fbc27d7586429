"""Before a campaign: what a trial takes, what the whole takes, what would not fit."""

import dataclasses
import json
from types import SimpleNamespace

import pytest

from gear.config import EmbeddingConfig, TrialConfig
from gear.evaluation.diagnostics import expected_memory_mb
from search.campaign.proposer import random_configs
from search.launch import estimate
from search.launch.estimate import Probe, probe, report, trial_seconds
from search.plan.settings import SearchSettings
from search.runtime import resources
from tests.support.fake_training import small_plan

NODE = {"CPU": 4.0, "memory": 16 * 2**30}
PROBES = [Probe("gear", 2048.0, 20.0, 60.0), Probe("stl", 1024.0, 30.0, 30.0)]


def test_the_whole_campaign_is_its_trials_shared_among_the_slots():
    lines = report(small_plan(trials=8), [NODE], None, PROBES)
    assert "1 node with 4 CPUs, 0 GPUs and 16 GB: 4 trials at once" in lines[0]
    cost = "up to 2.0 GB, 0:20 by default, 1:00 as a mean of the space"
    assert f"a trial of gear on hv_from_ds random: {cost}" in lines[1]
    assert "campaign: about 3:00;" in lines[3]  # 8 x 90 s on 4 slots
    assert not any("does not fit" in line for line in lines)


def test_a_trial_and_the_campaign_take_as_long_as_their_folds():
    few = small_plan(trials=8, splits=("random-n60", "random", "random-n600"))
    lines = report(few, [NODE], None, PROBES)
    assert "gear on hv_from_ds random-n60, 5 validation folds: up to 2.0 GB, 1:40 by default, 5:00 as" in lines[1]
    assert "about 21:00, the others taken to be like hv_from_ds random-n60;" in lines[3]  # 8 x (5 + 1 + 1) x 90 s on 4
    fixed = report(small_plan(trials=8, splits=("random",), validation_folds=2), [NODE], None, PROBES)
    assert "campaign: about 6:00;" in fixed[3]


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
    assert [one.seconds for one in found] == [None, None]
    assert all("time not probed" in line for line in report(small_plan(), [NODE], None, found)[1:3])


def test_a_probe_pretrains_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(estimate, "is_built", lambda code: True)
    monkeypatch.setattr(estimate, "load_pair", lambda *args: "data")
    monkeypatch.setattr(estimate, "trial_seconds", lambda config, pair: asked.append(config) or 1.0)
    config = TrialConfig(embedding=EmbeddingConfig(width=24, depth=5, pretrained="descriptors"))
    probe(dataclasses.replace(small_plan(), config=config))
    assert {(one.embedding.pretrained, one.embedding.width, one.embedding.depth) for one in asked} == {("none", 24, 5)}


class TimedRun:
    """An epoch takes a second and 0.1 s a batch; the sources' training 2 s for every batch of theirs."""

    def __init__(self, config, pair):
        self.model = SimpleNamespace(begins_with_sources=config.method == "kd")
        size = config.training.batch_size
        self.seconds = 1 + 0.1 * len(pair.target.train.rows) / size
        self.before = self.model.begins_with_sources * 2 * len(pair.sources[0].train.rows) / size

    def epochs(self):
        return iter([SimpleNamespace(seconds=self.before + self.seconds), SimpleNamespace(seconds=self.seconds)])


@pytest.mark.parametrize(("method", "seconds"), [("stl", 8 * 2), ("kd", 8 * 2 + 4 * 2 * 9)])
def test_a_trial_is_its_epochs_and_the_training_of_its_sources(pair, quick_config, monkeypatch, method, seconds):
    monkeypatch.setattr("gear.training.loop.TrainingRun", TimedRun)
    config = quick_config(method, epochs=8, batch_size=10, source_epochs=4)
    assert (len(pair.target.train.rows), len(pair.sources[0].train.rows)) == (100, 90)
    assert trial_seconds(config, pair) == pytest.approx(seconds)


def test_what_is_fitted_at_once_is_timed_once_whatever_the_epochs(pair, quick_config):
    short, long = (trial_seconds(quick_config("svr", epochs=epochs), pair) for epochs in (1, 100_000))
    assert 0 < short < 60
    assert 0 < long < 60


def test_the_methods_of_a_plan_are_timed_on_its_first_pair(pair, monkeypatch):
    monkeypatch.setattr(estimate, "is_built", lambda code: True)
    monkeypatch.setattr(estimate, "load_pair", lambda *_: pair)
    assert all(one.seconds > 0 for one in probe(small_plan(epochs=2)))


def test_a_probe_is_of_the_default_configuration_and_of_others_of_the_space(pair, monkeypatch):
    """Here a trial takes as long as its embedding is wide. The defaults are small."""
    monkeypatch.setattr(estimate, "is_built", lambda code: True)
    monkeypatch.setattr(estimate, "load_pair", lambda *_: pair)
    monkeypatch.setattr(estimate, "trial_seconds", lambda config, pair: config.embedding.width)
    plan = small_plan(methods=["gear"])
    (found,) = probe(plan)
    assert found.by_default == plan.config.embedding.width == 64
    drawn = [config.embedding.width for config in random_configs("gear", plan.config, (), 3)]
    assert len(set(drawn)) > 1
    assert found.seconds == (64 + sum(drawn)) / 4
    assert found.memory_mb > expected_memory_mb(plan.config)


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
    lines = report(small_plan(gpus_per_trial=share), [node], None, PROBES)
    says = f"does not fit: {int(1 / share)} trials of 2.0 GB on a GPU with {memory} GB: raise --gpus-per-trial"
    assert (says in lines) is not fits
    assert not any("not known" in line for line in lines)


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
