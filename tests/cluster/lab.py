"""Three machines made of namespaces (hosts.sh), the project's cluster on them, and a laptop: the caller.

The laptop has a home of its own and no key of the storage; the hosts have the keys in their environment, as an instance
has its role.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from search.cli.cluster.on_premises import on_machines
from tests.support.s3_server import BUCKET, Server, environment

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
VENV = Path(sys.prefix)
HEAD, W1, W2 = HOSTS = ("head", "w1", "w2")
ADDRESS = {"laptop": "10.77.0.1", "head": "10.77.0.10", "w1": "10.77.0.11", "w2": "10.77.0.12"}
STORAGE_PORT = 5599
TOOLS = ("ip", "nsenter", "unshare", "sshd", "ssh", "ssh-keygen", "rsync", "setsid", "make", "ss")
WITHOUT_NETWORK = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}  # pip reads the 0 as: without isolation
SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")


def what_is_missing():
    """Why there can be no lab on this machine, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if sys.prefix == sys.base_prefix:
        return "needs Python in a virtual environment"
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=path) is None]:
        return f"needs {', '.join(missing)}: apt-get install openssh-server openssh-client rsync iproute2 make"
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True)
    return "may not make namespaces" if tried.returncode else ""


class Lab:
    """Hosts that run, and a cluster once `up` was called."""

    def __init__(self, folder, cache):
        self.folder = folder
        for name in ("home", "tmp", "shared"):
            (folder / name).mkdir()
        if cache.exists():
            shutil.copytree(cache, folder / "shared" / "cache")
        self.environment = self._laptop()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
        self._write_bashrc()
        self.config = self._write_config()

    def start(self):
        self.hosts("up", VENV)
        self.server = Server(ADDRESS["laptop"], STORAGE_PORT)  # the hosts' network is there now
        for host in HOSTS:
            self.wait(lambda host=host: self.on(host, "true").returncode == 0, f"{host} answers", 30)

    def close(self):
        """Remove the hosts; their disks stay."""
        self.hosts("down")

    def hosts(self, command, *arguments):
        words = ["bash", HERE / "hosts.sh", command, self.folder, *arguments]
        subprocess.run(words, check=True, timeout=60)

    def on(self, host, command, timeout=60):
        """Run something in a shell of the kind that Ray opens."""
        words = ["ssh", "-i", self.folder / "key", *SSH, "-o", "ConnectTimeout=5", f"root@{ADDRESS[host]}"]
        shell = f"bash --login -c -i {shlex.quote(command)}"
        return subprocess.run(
            [*words, shell], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def ray(self, *words, timeout=240):
        return self._here([VENV / "bin" / "ray", *words], timeout)

    def python(self, *words, timeout=900):
        return self._here([VENV / "bin" / "python", *words], timeout)

    def search(self, *flags, timeout=900):
        """`python -m search.run --cluster` to its end."""
        return self.python("-m", "search.run", "--cluster", self.config, "--yes", *flags, timeout=timeout)

    def begin_search(self, *flags):
        """The same, while it goes on."""
        words = [VENV / "bin" / "python", "-m", "search.run", "--cluster", self.config, "--yes", *flags]
        return self.begin(words)

    @property
    def said(self):
        """By the search that was begun last."""
        return (self.folder / "said").read_text()

    def begin(self, words, log="said"):
        with (self.folder / log).open("w") as said:
            return subprocess.Popen(
                words, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )

    def up(self):
        return self.ray("up", "-y", "--log-style", "pretty", "--log-color", "false", self.config, timeout=600)

    def nodes(self):
        """How many nodes of the cluster are alive."""
        code = "import ray; ray.init('auto', log_to_driver=False, logging_level='ERROR')"
        code += "; print('alive', sum(node['Alive'] for node in ray.nodes()))"
        words = self.on(HEAD, f'python -c "{code}"', timeout=120).stdout.split()
        return int(words[-1]) if "alive" in words else 0

    def wait(self, condition, what, seconds=240):
        """Wait until something is so; gives the seconds that took."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() < begun + seconds, f"not within {seconds} s: {what}"
            time.sleep(1)
        return time.monotonic() - begun

    def wait_for_nodes(self, count):
        return self.wait(lambda: self.nodes() == count, f"{count} nodes")

    def _here(self, words, timeout):
        return subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def _laptop(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AWS_"))}
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "RAY_TMPDIR": str(self.folder / "tmp"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "AUTOSCALER_NODE_START_WAIT_S": "60",
            "PYTHONPATH": str(ROOT),
        }

    def _write_bashrc(self):
        cache = self.folder / "shared" / "cache"
        storage = environment(ADDRESS["laptop"], STORAGE_PORT)
        given = {**storage, **WITHOUT_NETWORK, "GEAR_CACHE": str(cache)}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in given.items()]
        lines.append(f"export PATH={sys.base_prefix}/bin:$PATH\n")
        (self.folder / "bashrc").write_text("\n".join(lines))

    def _write_config(self):
        """The project's cluster on the hosts. They share the cores of this machine: each may have one."""
        auth = {"ssh_user": "root", "ssh_private_key": str(self.folder / "key")}
        told = yaml.safe_load((ROOT / "cluster.yaml").read_text())
        config = on_machines(told, ADDRESS[HEAD], [ADDRESS[W1], ADDRESS[W2]], auth)
        config["cluster_name"] = self.folder.name
        config["setup_commands"] = [command.replace("FILL-IN", BUCKET) for command in config["setup_commands"]]
        small = "ray start --num-cpus=1 --object-store-memory=100000000"
        for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
            config[commands] = [command.replace("ray start", small) for command in config[commands]]
        path = self.folder / "cluster.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path
