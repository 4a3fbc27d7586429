"""cluster.yaml, held against Ray's own schema and checks. Nothing is started and no cloud is asked."""

import json
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster():
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def test_passes_rays_schema(cluster):
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(cluster, schema)


def test_passes_rays_own_preparation_and_validation(cluster):
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(cluster)
    validate_config(prepared)
    assert prepared["available_node_types"]["gpu"]["max_workers"] == 8


def test_head_runs_no_trials(cluster):
    assert cluster["available_node_types"][cluster["head_node_type"]]["resources"]["CPU"] == 0


def test_workers_are_gpu_instances_that_scale_to_zero(cluster):
    gpu = cluster["available_node_types"]["gpu"]
    assert gpu["min_workers"] == 0
    assert gpu["node_config"]["InstanceType"].startswith("g")


@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_cluster_is_closed_and_sends_nothing(cluster, commands):
    start = next(c for c in cluster[commands] if "ray start" in c)
    assert "RAY_AUTH_MODE=token" in start
    assert "RAY_USAGE_STATS_ENABLED=0" in start
    assert "0.0.0.0" not in start


def test_nodes_install_from_the_lock(cluster):
    assert any("make env" in command for command in cluster["setup_commands"])
    assert "--constraint constraints.txt" in (ROOT / "Makefile").read_text()


def test_no_secret_is_in_the_file():
    text = (ROOT / "cluster.yaml").read_text()
    assert not any(word in text for word in ("AKIA", "SECRET", "PRIVATE KEY", "password"))
