"""cluster/kuberay.yaml, held against the schema of KubeRay's RayJob. Nothing is started.

rayjob.json.gz is `openAPIV3Schema` of version v1 in ray.io_rayjobs.yaml of KubeRay (commit feeaf72fa, Apache License
2.0), without its descriptions.
"""

import gzip
import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

from search.cli.run_options import make_parser

ROOT = Path(__file__).parents[2]


@pytest.fixture
def job():
    return yaml.safe_load((ROOT / "cluster" / "kuberay.yaml").read_text())


def strict(schema):
    """The same schema, to which a field that it does not name is an error, as to `kubectl --validate=strict`."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: strict(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        told.setdefault("additionalProperties", False)
    return told


def check(job):
    schema = strict(json.loads(gzip.decompress(Path(__file__).with_name("rayjob.json.gz").read_bytes())))
    schema["properties"]["metadata"] = {"type": "object"}
    jsonschema.validate(job, schema)


def pods(job):
    """Pod specs of head and workers."""
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_passes_kuberays_schema(job):
    check(job)


def test_the_schema_finds_what_is_wrong(job):
    pods(job)[1]["containers"][0]["image_pull_policy"] = "Always"
    with pytest.raises(jsonschema.ValidationError, match="image_pull_policy"):
        check(job)


def test_the_search_is_one_that_may_be_started_again(job):
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:3] == ["python", "-m", "search.run"]
    args = make_parser().parse_args(words[3:])
    assert (args.or_resume, args.yes, args.address, args.name) == (True, True, "auto", "first")
    assert job["spec"]["backoffLimit"] > 0
    assert job["spec"]["shutdownAfterJobFinishes"] is True


def test_trials_run_on_gpu_workers_alone_and_only_holders_of_the_token_can_use_its_ray(job):
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    head, worker = (pod["containers"][0]["resources"]["limits"] for pod in pods(job))
    assert "nvidia.com/gpu" not in head
    assert worker["nvidia.com/gpu"] == "1"


def test_pods_have_no_key_but_those_of_the_secret(job):
    for pod in pods(job):
        (node,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert node["securityContext"]["allowPrivilegeEscalation"] is False
        assert node["envFrom"] == [{"secretRef": {"name": "gear-search", "optional": True}}]
        assert not any(re.search("KEY|TOKEN|PASSWORD", variable["name"]) for variable in node["env"])


def test_its_image_has_the_ray_and_the_python_of_the_lock(job):
    told = (ROOT / "cluster" / "Dockerfile").read_text()
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == ray.__version__
    assert f"FROM rayproject/ray:{ray.__version__}-py311" in told
    assert "--constraint gear-search/constraints.txt" in told


def test_the_image_leaves_out_what_cluster_yaml_does(job):
    told = yaml.safe_load((ROOT / "cluster.yaml").read_text())["rsync_exclude"]
    kept_out = (ROOT / "cluster" / "Dockerfile.dockerignore").read_text().splitlines()[1:]
    assert kept_out == [pattern.removeprefix("/") for pattern in told]
