"""cluster.yaml and what belongs to it, held against Ray's own checks and a simulated AWS. Nothing is started."""

import copy
import fnmatch
import json
import re
import subprocess
from pathlib import Path

import boto3
import jsonschema
import pytest
import ray
import yaml
from moto import mock_aws

from search.cli.cluster import on_premises

ROOT = Path(__file__).parents[2]
WORKERS = ("gpu_on_demand", "gpu_spot")
AWS = {
    "AWS_ACCESS_KEY_ID": "fake",
    "AWS_SECRET_ACCESS_KEY": "fake",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def start_commands(config):
    commands = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    return [command for command in commands if "ray start" in command]


def test_passes_rays_schema(config):
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)


def test_passes_rays_own_preparation_and_validation(config):
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(config))


def test_head_is_there_always_and_runs_no_trials(config):
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"]["CPU"] == 0
    assert "InstanceMarketOptions" not in head["node_config"]


def test_workers_are_gpu_instances_of_which_there_are_none_without_work_and_a_limited_number_at_most(config):
    for name in WORKERS:
        kind = config["available_node_types"][name]
        assert (kind["min_workers"], kind["resources"]["GPU"]) == (0, 1)
        assert kind["node_config"]["InstanceType"].startswith("g")
        assert 0 < kind["max_workers"] <= config["max_workers"]
    assert config["idle_timeout_minutes"] <= 10
    assert config["provider"]["cache_stopped_nodes"] is False


@pytest.mark.parametrize(("spot_can_be_had", "chosen"), [(True, "gpu_spot"), (False, "gpu_on_demand")])
def test_ray_starts_spot_workers_first_and_others_where_there_are_none(config, spot_can_be_had, chosen):
    from ray.autoscaler._private.util import prepare_config
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.autoscaler.v2.utils import ResourceRequestUtil

    told = AutoscalingConfig(prepare_config(config), skip_content_hash=True)
    trials = [ResourceRequestUtil.make({"CPU": 1, "GPU": 0.25})] * 4
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=told.get_node_type_configs(),
        max_num_nodes=told.get_max_num_nodes(),
        resource_requests=ResourceRequestUtil.group_by_count(trials),
        recoverable_resource_availabilities={"gpu_spot": float(spot_can_be_had)},
    )
    launched = ResourceDemandScheduler().schedule(request).to_launch
    assert [(launch.instance_type, launch.count) for launch in launched] == [(chosen, 1)]


def test_only_holders_of_the_token_can_use_the_cluster_and_it_sends_nothing(config):
    assert len(start_commands(config)) == 2
    for command in start_commands(config):
        assert command.startswith("RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 ray start ")
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


def test_what_people_look_at_listens_on_the_heads_loopback_alone(config):
    head = next(command for command in start_commands(config) if "--head" in command)
    assert "--dashboard-host=127.0.0.1" in head
    assert "mlflow server --host 127.0.0.1 " in (ROOT / "cluster" / "mlflow.sh").read_text()
    assert "0.0.0.0" not in (ROOT / "cluster.yaml").read_text()


def test_nodes_install_from_the_lock_which_has_the_ray_of_this_test(config):
    assert any("cluster/setup.sh" in command for command in config["setup_commands"])
    assert 'make -C "$project" env EXTRA=cluster' in (ROOT / "cluster" / "setup.sh").read_text()
    assert "--constraint constraints.txt --editable '.[$(EXTRA)]'" in (ROOT / "Makefile").read_text()
    assert f"ray=={ray.__version__}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_what_is_the_laptops_own_stays_there(config):
    keys = {".env*", "*.env"}
    own = {"**/.git", "**/.venv", "/campaigns", "/mlartifacts", "/mlflow.db*", *(f"**/{name}" for name in keys)}
    assert own <= set(config["rsync_exclude"])
    assert keys <= set((ROOT / ".gitignore").read_text().splitlines())


@pytest.mark.parametrize("name", ["cluster.yaml", "cluster/setup.sh", "cluster/mlflow.sh", "cluster/aws.yaml"])
def test_no_secret_is_in_the_files(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"AKIA|secret|private.key|password|[0-9a-f]{32}", text, re.IGNORECASE)


def deploy(name, **given):
    """What `aws cloudformation deploy` does; gives the group that the stack made."""
    client = boto3.client("cloudformation")
    client.create_stack(
        StackName=name,
        TemplateBody=(ROOT / "cluster" / "aws.yaml").read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (output,) = client.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    assert output["OutputKey"] == "SecurityGroup"
    return output["OutputValue"]


@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    """Amazon after `aws cloudformation deploy`: bucket, roles and the security group that this gives are there."""
    simulated = mock_aws(config={"iam": {"load_aws_managed_policies": False}})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**AWS, "HOME": str(tmp_path_factory.mktemp("home"))}.items():
            patch.setenv(name, value)
        simulated.start(reset=False)  # other tests may have a simulated server that runs
        yield deploy("gear-search", Bucket="our-campaigns", SshFrom="203.0.113.7/32")
        simulated.stop(remove_data=False)


@pytest.fixture
def filled_in(config, amazon):
    """cluster.yaml with the group of the stack."""
    for kind in config["available_node_types"].values():
        assert kind["node_config"]["SecurityGroupIds"] == ["sg-FILL-IN"]
        kind["node_config"]["SecurityGroupIds"] = [amazon]
    return config


def groups():
    return {group["GroupId"] for group in boto3.client("ec2").describe_security_groups()["SecurityGroups"]}


def other_network():
    """Another VPC of the account, with a public subnet in each of the zones."""
    client = boto3.client("ec2")
    network = client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    for number, zone in enumerate("abc"):
        place = {"CidrBlock": f"10.9.{number}.0/24", "AvailabilityZone": f"us-east-1{zone}"}
        subnet = client.create_subnet(VpcId=network, **place)["Subnet"]["SubnetId"]
        client.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    return network


def started(config):
    """One EC2 instance of every node type, started by Ray."""
    from ray.autoscaler._private.commands import _bootstrap_config
    from ray.autoscaler._private.providers import _get_node_provider

    told = _bootstrap_config(config, no_config_cache=True)
    provider = _get_node_provider(told["provider"], told["cluster_name"])
    for name, kind in told["available_node_types"].items():
        tags = {"ray-node-type": "head" if name == told["head_node_type"] else "worker", "ray-user-node-type": name}
        provider.create_node(copy.deepcopy(kind["node_config"]), tags, 1)
    found = boto3.client("ec2").describe_instances()["Reservations"]
    instances = [instance for reservation in found for instance in reservation["Instances"]]
    tags = [{tag["Key"]: tag["Value"] for tag in instance["Tags"]} for instance in instances]
    return {tag["ray-user-node-type"]: instance for tag, instance in zip(tags, instances, strict=True)}


def test_on_a_simulated_aws_every_node_has_its_role_and_nobody_else_reaches_it(filled_in):
    before = groups()
    nodes = started(filled_in)
    assert groups() == before
    assert set(nodes) == {"head", *WORKERS}
    assert nodes["gpu_spot"]["InstanceLifecycle"] == "spot"
    assert not any("InstanceLifecycle" in nodes[name] for name in ("head", "gpu_on_demand"))
    for name, node in nodes.items():
        role = "gear-search-head" if name == "head" else "gear-search-worker"
        assert node["IamInstanceProfile"]["Arn"].endswith(f"instance-profile/{role}")
        assert [group["GroupName"] for group in node["SecurityGroups"]] == ["gear-search"]
        assert node["MetadataOptions"]["HttpTokens"] == "required"
    (group,) = boto3.client("ec2").describe_security_groups(GroupNames=["gear-search"])["SecurityGroups"]
    from_outside = [rule for rule in group["IpPermissions"] if rule["IpRanges"]]
    assert [(rule["FromPort"], rule["IpRanges"]) for rule in from_outside] == [(22, [{"CidrIp": "203.0.113.7/32"}])]


def test_nodes_start_in_the_network_of_the_stacks_group_whichever_others_there_are(filled_in):
    from ray.autoscaler._private.commands import _bootstrap_config

    other_network()
    before = groups()
    (group,) = filled_in["available_node_types"]["head"]["node_config"]["SecurityGroupIds"]
    told = _bootstrap_config(filled_in, no_config_cache=True)
    resource = boto3.resource("ec2")
    for kind in told["available_node_types"].values():
        subnets = kind["node_config"]["SubnetIds"]
        assert {resource.Subnet(subnet).vpc_id for subnet in subnets} == {resource.SecurityGroup(group).vpc_id}
    assert groups() == before


def test_a_group_that_was_not_filled_in_is_refused_before_anything_is_made(config, amazon, capsys):
    from ray.autoscaler._private.commands import _bootstrap_config

    before = groups()
    with pytest.raises(AssertionError):  # that is how Ray ends after the line
        _bootstrap_config(config, no_config_cache=True)
    refusal = "Failed to detect a security group with id equal to any of the configured SecurityGroupIds."
    assert refusal in " ".join("".join(capsys.readouterr()).split())
    assert refusal.partition(" equal")[0] in (ROOT / "docs" / "cluster.md").read_text()
    assert groups() == before


def test_a_second_cluster_has_a_stack_roles_and_instances_of_its_own(amazon, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")  # IAM is the same in every region
    own = {"Bucket": "our-campaigns-2", "SshFrom": "203.0.113.7/32", "ClusterName": "second"}
    assert deploy("second", **own) != amazon
    iam = boto3.client("iam")
    assert {"gear-search-head", "second-head"} <= {role["RoleName"] for role in iam.list_roles()["Roles"]}
    for role, cluster in (("gear-search-head", "gear-search"), ("second-head", "second")):
        policy = yaml.safe_load(iam.get_role_policy(RoleName=role, PolicyName="workers")["PolicyDocument"])
        (end,) = (one for one in policy["Statement"] if "ec2:TerminateInstances" in one["Action"])
        assert end["Condition"] == {"StringEquals": {"ec2:ResourceTag/ray-cluster-name": cluster}}


def test_the_stack_is_by_default_that_of_the_clusters_name_and_roles(config, amazon):
    assert config["cluster_name"] == "gear-search"
    profiles = {
        name: kind["node_config"]["IamInstanceProfile"] for name, kind in config["available_node_types"].items()
    }
    assert profiles["head"] == {"Name": f"{config['cluster_name']}-head"}
    assert {profiles[name]["Name"] for name in WORKERS} == {f"{config['cluster_name']}-worker"}


def test_a_worker_may_use_the_bucket_and_no_more_and_the_head_may_start_workers(amazon):
    iam = boto3.client("iam")
    for role, inline in (("gear-search-worker", []), ("gear-search-head", ["workers"])):
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        assert [policy["PolicyName"] for policy in attached] == ["gear-search-bucket"]
        assert iam.list_role_policies(RoleName=role)["PolicyNames"] == inline
    policy = yaml.safe_load(iam.get_role_policy(RoleName="gear-search-head", PolicyName="workers")["PolicyDocument"])
    (passed,) = (statement for statement in policy["Statement"] if statement["Action"] == "iam:PassRole")
    assert passed["Resource"].endswith(":role/gear-search-worker")


def test_of_the_accounts_parameters_the_head_reads_none_but_the_image_that_it_starts(config, amazon):
    policy = yaml.safe_load(
        boto3.client("iam").get_role_policy(RoleName="gear-search-head", PolicyName="workers")["PolicyDocument"]
    )
    statements = [statement for statement in policy["Statement"] if "ssm" in str(statement["Action"])]
    (read,) = statements
    assert read["Action"] == "ssm:GetParameters"
    assert read["Resource"] == "arn:aws:ssm:us-east-1::parameter/aws/service/deeplearning/*"
    for kind in config["available_node_types"].values():
        image = kind["node_config"]["ImageId"].removeprefix("resolve:ssm:")
        assert fnmatch.fnmatchcase(f"arn:aws:ssm:us-east-1::parameter{image}", read["Resource"])


def test_the_template_of_roles_passes_amazons_linter():
    from cfnlint.api import lint_file

    assert lint_file(ROOT / "cluster" / "aws.yaml") == []


@pytest.fixture
def setup(tmp_path):
    """Run cluster/setup.sh in a home of its own, with a `make` that only notes how it was called."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("make", "python3.11"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n')
        (tools / name).chmod(0o755)

    def run(*variables):
        command = ["bash", str(ROOT / "cluster" / "setup.sh"), *variables]
        environment = {"HOME": str(tmp_path), "PATH": f"{tools}:/usr/bin:/bin"}
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return run


def test_setup_gives_every_shell_the_variables_however_often_it_runs(setup, tmp_path):
    for place in ("s3://old/campaigns", "s3://new/campaigns"):
        assert setup(f"GEAR_STORAGE={place}", "GEAR_CACHE=/some where").returncode == 0
    assert (tmp_path / ".bashrc").read_text() == "source ~/.gear-search.env\n"
    shell = [
        "bash",
        "-c",
        'source ~/.bashrc; echo "$GEAR_STORAGE|$GEAR_CACHE|$MLFLOW_TRACKING_URI|$RAY_AUTH_MODE|$PATH"',
    ]
    told = subprocess.run(shell, env={"HOME": str(tmp_path), "PATH": "/bin"}, capture_output=True, text=True).stdout
    assert told == f"s3://new/campaigns|/some where|http://127.0.0.1:5000|token|{ROOT}/.venv/bin:/bin\n"
    assert f"make -C {ROOT} env EXTRA=cluster" in (tmp_path / "called").read_text()


@pytest.mark.parametrize("variable", ["GEAR_STORAGE=s3://FILL-IN/campaigns", "s3://our-bucket"])
def test_setup_refuses_what_was_not_filled_in(setup, tmp_path, variable):
    done = setup(variable)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {variable}: ")
    assert not (tmp_path / ".bashrc").exists()


@pytest.fixture
def key(tmp_path, monkeypatch):
    """The private key of a cluster of one's own, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "gear-search").touch()
    return tmp_path / ".ssh" / "gear-search"


def test_the_same_cluster_on_machines_of_ones_own_keeps_all_but_the_cloud(config, key, tmp_path, monkeypatch, capsys):
    from ray.autoscaler._private.util import prepare_config, validate_config

    made = tmp_path / "ours.yaml"
    words = ["search.cli.cluster.on_premises", "10.0.0.1", "10.0.0.2", "10.0.0.3", "--user", "me", "--to", str(made)]
    monkeypatch.setattr("sys.argv", words)
    assert on_premises.main() == 0
    assert "copies the private key ~/.ssh/gear-search to 10.0.0.1" in capsys.readouterr().out
    told = yaml.safe_load(made.read_text())
    validate_config(prepare_config(told))
    assert told["provider"] == {"type": "local", "head_ip": "10.0.0.1", "worker_ips": ["10.0.0.2", "10.0.0.3"]}
    assert told["auth"] == {"ssh_user": "me", "ssh_private_key": "~/.ssh/gear-search"}
    for name in ("setup_commands", "file_mounts", "rsync_exclude", "worker_start_ray_commands"):
        assert told[name] == config[name]
    assert all("RAY_AUTH_MODE=token" in command for command in start_commands(told))
    assert not re.search("aws|sudo|Instance", yaml.safe_dump(told))


def test_without_a_key_the_commands_that_make_one_are_one_line(key, tmp_path, monkeypatch, capsys):
    key.unlink()
    made = tmp_path / "ours.yaml"
    words = ["search.cli.cluster.on_premises", "10.0.0.1", "10.0.0.2", "--user", "me", "--to", str(made)]
    monkeypatch.setattr("sys.argv", words)
    assert on_premises.main() == 2
    said = capsys.readouterr().err
    assert said.startswith("error: there is no private key ~/.ssh/gear-search; ")
    assert said.count("\n") == 1
    copied = [f"ssh-copy-id -i ~/.ssh/gear-search.pub me@10.0.0.{last}" for last in (1, 2)]
    assert said.strip().endswith(" && ".join(["ssh-keygen -t ed25519 -N '' -f ~/.ssh/gear-search", *copied]))
    assert not made.exists()


def test_a_file_that_cannot_be_written_is_one_line(key, monkeypatch, capsys):
    words = ["search.cli.cluster.on_premises", "10.0.0.1", "10.0.0.2", "--user", "me", "--to", "/dev/null/ours.yaml"]
    monkeypatch.setattr("sys.argv", words)
    assert on_premises.main() == 2
    assert capsys.readouterr().err.startswith("error: cannot write /dev/null/ours.yaml")


def test_on_slurm_rays_steps_have_the_cpus_that_ray_is_told_of(tmp_path):
    tools = tmp_path / ".venv" / "bin"  # the script looks here first
    tools.mkdir(parents=True)
    noted = f'echo "$SRUN_CPUS_PER_TASK $*" >> {tmp_path}/steps'
    for name, line in {"srun": noted, "ray": "exit 0", "python": "sleep 1"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3", "SLURM_CPUS_PER_TASK": "8"}
    environment = {**job, "SLURM_SUBMIT_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", str(ROOT / "cluster" / "slurm.sh")], env=environment, check=True)
    steps = (tmp_path / "steps").read_text().splitlines()
    assert len(steps) == 2
    assert all(step.startswith("8 ") and "--num-cpus=8" in step for step in steps)
