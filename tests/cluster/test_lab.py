"""The story of a cluster: `ray up` for real, searches from a laptop, what breaks, who is kept out.

The tests build on each other in their order. `make cluster` runs them.
"""

import http.client
import re
import shlex
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from search.campaign.campaign import Campaign
from search.campaign.events import AttemptLost, EpochReported, TrialAsked, TrialEnded
from search.plan.plan_file import plan_from_dict
from search.storage.campaign_store import read_campaign, read_events
from search.storage.locate import open_folder
from tests.cluster.lab import ADDRESS, HEAD, HOSTS, VENV, W1, W2
from tests.support.s3_server import BUCKET, SECRET

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
SMALL = ("--pairs", "hv_from_ds", "--splits", "random", "--methods", "gear", "stl", "--no-transfer-starts")
MLFLOW, DASHBOARD = 5000, 8265


def campaign(name):
    """A campaign and its events, as the storage tells them."""
    folder = open_folder(f"s3://{BUCKET}/campaigns/{name}")
    events = list(read_events(folder))
    return Campaign(plan_from_dict(read_campaign(folder)["plan"]), events=events), events


def count(name, kind):
    try:
        return sum(isinstance(event, kind) for event in campaign(name)[1])
    except Exception:  # it is not there yet
        return 0


def ended(events):
    return [trial_of(event) for event in events if isinstance(event, TrialEnded)]


def trains(lab, host):
    """Whether a trial runs there."""
    return lab.on(host, "pgrep -f 'ray::ResourceTrainable[.]train'").returncode == 0


def check_whole(name, budget):
    """The budget is met exactly and every trial ended once, complete or pruned. Prints what the faults cost."""
    whole, events = campaign(name)
    epochs = [(event.study, event.number, event.epoch) for event in events if isinstance(event, EpochReported)]
    print(f"{name}: {len(epochs)} epochs, {len(epochs) - len(set(epochs))} of them again")
    for loss in (event for event in events if isinstance(event, AttemptLost)):
        print(f"  {loss.study} {loss.number} lost its worker: {loss.reason}")
    assert whole.done
    assert len(ended(events)) == len(set(ended(events))) == budget
    assert {event.state for event in events if isinstance(event, TrialEnded)} <= {"complete", "pruned"}
    return events


def check_goes_on(events):
    """A worker was lost, and its trial went on where its last checkpoint had left it."""
    lost = [event for event in events if isinstance(event, AttemptLost)]
    assert lost
    for loss in lost:
        own = [event for event in events if trial_of(event) == trial_of(loss)]
        at = own.index(loss)
        again = next(event for event in own[at:] if isinstance(event, TrialAsked))
        assert (again.checkpoint is not None) == any(isinstance(event, EpochReported) for event in own[:at])


def check_survives_loss_of(lab, host, harm, repair, name, epochs):
    """A search ends well though a host is lost while it trains; the host joins again. hosts.sh harms and repairs."""
    search = lab.begin_search("--name", name, *SMALL, "--trials", "6", "--epochs", str(epochs))
    lab.wait(lambda: count(name, TrialEnded) >= 1 and trains(lab, host), "trials run")
    lab.hosts(harm, host)
    try:
        assert search.wait(900) == 0, lab.said
    finally:
        lab.hosts(repair, host)
    check_goes_on(check_whole(name, 12))
    lab.wait_for_nodes(3)


def trial_of(event):
    return event.study, getattr(event, "number", None)  # some events are a study's


@contextmanager
def forwarded(lab, port):
    """A port of the head's loopback, on the laptop's."""
    process = lab.begin(
        [VENV / "bin" / "ray", "exec", "--port-forward", str(port), lab.config, "sleep 600"], "forwarded"
    )
    try:
        lab.wait(lambda: answers(("127.0.0.1", port)), f"port {port} is forwarded", 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def answers(address):
    try:
        socket.create_connection(address, 2).close()
    except OSError:
        return False
    return True


def answer_of(url, token=None, **request):
    """Status and text of an answer over HTTP; status 0 for what is not one."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers, **request), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, http.client.HTTPException):
        return 0, ""


# ---- a cluster


def test_ray_up_makes_a_cluster_of_three_from_the_projects_own_file(lab):
    made = lab.ray("get-auth-token", "--generate")
    assert made.returncode == 0, made.stderr
    done = lab.up()
    assert done.returncode == 0, done.stdout + done.stderr
    lab.wait_for_nodes(3)


@pytest.mark.parametrize("host", HOSTS)
def test_every_node_installed_the_project_that_was_copied_there(lab, host):
    code = "import search, sys; print(search.__file__, sys.prefix)"
    told = lab.on(host, f'cd / && python -c "{code}" && echo $GEAR_STORAGE && ls ~/gear-search/.venv/.built')
    assert "/root/gear-search/search/__init__.py /root/gear-search/.venv" in told.stdout, told
    assert f"s3://{BUCKET}/campaigns" in told.stdout
    assert lab.on(host, "ls -d ~/gear-search/.git ~/gear-search/.ci").stdout.split() == ["/root/gear-search/.ci"]


# ---- who is kept out


def listening(lab, host):
    """(port, command line) of what listens beyond the loopback."""
    found = set()
    for line in lab.on(host, "ss -Hltnp").stdout.splitlines():
        where, port = line.split()[3].rsplit(":", 1)
        if where.strip("[]").removeprefix("::ffff:").startswith("127.") or where == "[::1]":
            continue
        pid = re.search(r"pid=(\d+)", line)[1]
        command = lab.on(host, f"tr '\\0' ' ' </proc/{pid}/cmdline").stdout.strip()
        found.add((int(port), command))
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_beyond_the_loopback_only_sshd_and_ray_listen_and_without_the_token_ray_tells_its_counters_alone(lab, host):
    open_ports = listening(lab, host)
    assert any("sshd" in command for _, command in open_ports)
    for port, command in open_ports:
        if "sshd" in command:
            continue
        assert "ray" in command
        status, text = answer_of(f"http://{ADDRESS[host]}:{port}/api/jobs/")
        assert status in (0, 401) or text.startswith("# HELP"), (port, command, status, text)


def test_a_client_without_the_token_is_refused(lab):
    code = f"import ray; ray.init('{ADDRESS[HEAD]}:6379', logging_level='ERROR'); print('let in', len(ray.nodes()))"
    tried = subprocess.run(
        [VENV / "bin" / "python", "-c", code],
        env={**lab.environment, "RAY_AUTH_MODE": "disabled", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert tried.returncode != 0
    assert "let in" not in tried.stdout


def test_a_job_without_the_token_is_refused(lab):
    token = (lab.folder / "home" / ".ray" / "auth_token").read_text().strip()
    with forwarded(lab, DASHBOARD) as url:
        job = {"data": b'{"entrypoint": "touch /tmp/owned"}', "method": "POST"}
        assert answer_of(f"{url}/api/jobs/", **job)[0] == 401
        assert answer_of(f"{url}/api/jobs/", token="0" * 64, **job)[0] in (401, 403)
        status, jobs = answer_of(f"{url}/api/jobs/", token=token)
    assert (status, "owned" in jobs) == (200, False)
    assert lab.on(HEAD, "ls /tmp/owned").returncode != 0


# ---- a search


def test_a_search_from_the_laptop_runs_on_every_node_and_ends_with_winners_in_mlflow(lab):
    search = lab.begin_search("--name", "first", *SMALL, "--trials", "6", "--epochs", "3")
    for host in HOSTS:
        lab.wait(lambda host=host: trains(lab, host), f"{host} trains")
    assert search.wait(600) == 0, lab.said
    assert "test RMSE of gear is" in lab.said
    assert "not registered" not in lab.said
    check_whole("first", 12)


def test_what_the_head_refuses_is_told_on_the_laptop(lab):
    done = lab.search("--name", "first", *SMALL)
    assert done.returncode != 0
    assert "s3://lab/campaigns/first exists" in done.stdout


def test_a_node_that_is_not_like_the_head_is_named_before_anything_starts(lab):
    lab.on(W1, "echo '# changed' >> ~/gear-search/gear/losses.py")
    done = lab.search("--name", "odd", *SMALL, "--trials", "1", "--epochs", "1")
    lab.on(W1, "sed -i '$d' ~/gear-search/gear/losses.py")
    assert done.returncode != 0
    assert f"node {ADDRESS[W1]} is not like this one: the code differs" in done.stdout


# ---- what breaks


def test_a_host_that_loses_its_power_costs_no_trial_and_joins_again(lab):
    check_survives_loss_of(lab, W2, "kill", "boot", "power", epochs=8)


def test_an_mlflow_server_that_dies_is_started_again(lab):
    answers_there = "curl -sf http://127.0.0.1:5000/health"
    assert lab.on(HEAD, answers_there).returncode == 0
    lab.on(HEAD, "kill -KILL $(ss -Hltnp sport = :5000 | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2)")
    lab.wait(lambda: lab.on(HEAD, answers_there).returncode != 0, "MLflow is away", 10)
    lab.wait(lambda: lab.on(HEAD, answers_there).returncode == 0, "MLflow is back", 120)


def test_a_host_whose_cable_is_pulled_costs_no_trial(lab):
    check_survives_loss_of(lab, W1, "cut", "join", "cable", epochs=12)


def test_a_killed_driver_is_resumed_and_repeats_nothing(lab):
    search = lab.begin_search("--name", "driver", *SMALL, "--trials", "6", "--epochs", "8")
    lab.wait(lambda: count("driver", TrialEnded) >= 2, "some trials ended")
    lab.on(HEAD, "kill -KILL $(cat $(ls -t ~/searches/*.pid | head -1))")
    assert search.wait(120) != 0
    said = lab.said
    assert "the search was killed" in said
    assert "gear-search cluster follow" in said
    before = campaign("driver")[1]
    done = lab.search("--resume", "--name", "driver")
    assert done.returncode == 0, done.stdout + done.stderr
    events = check_whole("driver", 12)
    assert events[: len(before)] == before
    asked_again = {trial_of(event) for event in events[len(before) :] if isinstance(event, TrialAsked)}
    assert not asked_again & set(ended(before))


def test_a_laptop_that_goes_away_does_not_end_the_search_and_it_can_be_stopped(lab):
    search = lab.begin_search("--name", "laptop", *SMALL, "--trials", "6", "--epochs", "8")
    lab.wait(lambda: count("laptop", TrialAsked) >= 2, "trials run")
    search.kill()
    seen = count("laptop", TrialAsked)
    lab.wait(lambda: count("laptop", TrialAsked) > seen, "the search goes on")
    stopped = lab.ray("exec", lab.config, "gear-search cluster stop")
    assert stopped.returncode == 0, stopped.stdout
    followed = lab.ray("exec", lab.config, "gear-search cluster follow")
    assert "stopped; go on with" in followed.stdout


def test_a_head_that_restarts_without_its_database_is_made_again_and_the_search_resumed(lab):
    search = lab.begin_search("--resume", "--name", "laptop")
    begun = count("laptop", TrialAsked)
    lab.wait(lambda: count("laptop", TrialAsked) > begun, "trials run")
    before = campaign("laptop")[1]
    lab.hosts("kill", HEAD)
    assert search.wait(300) != 0
    lab.hosts("boot", HEAD)
    lab.wait(lambda: lab.on(HEAD, "rm ~/mlflow/mlflow.db").returncode == 0, "the head answers", 60)
    done = lab.up()
    assert done.returncode == 0, done.stdout + done.stderr
    lab.wait_for_nodes(3)
    done = lab.search("--resume", "--name", "laptop")
    assert done.returncode == 0, done.stdout + done.stderr
    events = check_whole("laptop", 12)
    assert set(ended(before)) <= set(ended(events))


# ---- what is taken away


def test_the_record_of_a_lost_database_is_made_again_from_the_storage(lab):
    done = lab.ray("exec", lab.config, "gear-search record first", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    with forwarded(lab, MLFLOW) as url:
        asked = {"data": b'{"max_results": 100}', "method": "POST"}
        status, text = answer_of(f"{url}/api/2.0/mlflow/experiments/search", **asked)
    assert (status, '"first"' in text) == (200, True)


def test_a_champion_is_exported_on_the_laptop_through_a_forwarded_port(lab, tmp_path):
    with forwarded(lab, MLFLOW) as url:
        where = ("--pair", "hv_from_ds", "--split", "random", "--tracking-uri", url)
        done = lab.python("-m", "tracking.export", *where, "--to", tmp_path / "model")
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "molecules.csv").write_text("smiles\nCCO\n")
    out = tmp_path / "out.csv"
    done = lab.python("-m", "gear.predict", tmp_path / "model", tmp_path / "molecules.csv", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CCO" in out.read_text()


def test_no_secret_lies_in_any_file_but_where_it_belongs_nor_in_the_storage(lab):
    token = (lab.folder / "home" / ".ray" / "auth_token").read_text().strip()
    places = [lab.folder / "hosts" / host / place for host in HOSTS for place in ("root", "tmp")]
    places += [lab.folder / place for place in ("home", "tmp", "said", "forwarded")]
    words = ["grep", "-rlF", "--binary-files=text", "--exclude-dir=.venv", "--exclude-dir=tests"]
    found = set()
    for secret in (token, SECRET):
        done = subprocess.run([*words, secret, *places], capture_output=True, text=True)
        found |= {line.removeprefix(f"{lab.folder}/") for line in done.stdout.splitlines()}
    own = {f"hosts/{host}/root/{file}" for host in HOSTS for file in (".ray/auth_token", ".bashrc")}
    assert found == own | {"home/.ray/auth_token"}
    for secret in (token, SECRET):
        assert not any(secret.encode() in content for content in lab.server.contents().values())


def test_ray_down_ends_it(lab):
    done = lab.ray("down", "-y", lab.config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.on(HEAD, "pgrep -f raylet/raylet").returncode != 0


# ---- another way to have a cluster


def test_a_slurm_job_starts_a_ray_of_its_own_and_searches_on_all_its_nodes(lab):
    for host in HOSTS:
        lab.on(host, "ray stop --force")
    lab.on(
        HEAD, "mkdir /tmp/slurm && cp ~/gear-search/tests/cluster/srun.sh /tmp/slurm/srun && chmod +x /tmp/slurm/srun"
    )
    told = "SLURM_JOB_ID=7 SLURM_JOB_NUM_NODES=3 SLURM_CPUS_PER_TASK=1 SLURM_SUBMIT_DIR=~/gear-search"
    flags = shlex.join(["--name", "slurm", *SMALL, "--trials", "3", "--epochs", "2"])
    job = f"{told} PATH=/tmp/slurm:$PATH bash ~/gear-search/cluster/slurm.sh {flags}"
    done = lab.on(HEAD, f"{job} >/tmp/slurm/out 2>&1", timeout=600)  # what it leaves running holds the file, not ssh
    assert done.returncode == 0, lab.on(HEAD, "cat /tmp/slurm/out").stdout
    check_whole("slurm", 6)
