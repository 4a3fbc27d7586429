"""Ray: a local one on this machine, or a cluster that runs already."""

import functools
import logging
import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from gear.errors import GearError, InputDataError
from search.plan import SearchSettings

__all__ = [
    "Slots",
    "connected",
    "has_gpu",
    "largest",
    "machine_cpus",
    "nodes",
    "startable",
    "too_small",
    "trials_on",
    "where",
]

CONNECT_SECONDS = 5.0
COUNT_SECONDS = 2.0  # between two looks at which nodes are up
BOOTSTRAP = Path("~/ray_bootstrap_config.yaml").expanduser()  # what `ray up` leaves on the head for the autoscaler
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or Ray would build the environment again on every worker
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints errors at every verbosity
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Tune's own state is never read
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def where(address: str | None) -> str | None:
    """The address of the Ray to join, None to start one here; without `--address`, what this machine is decides."""
    if address is None:
        return "auto" if BOOTSTRAP.exists() else None
    return None if address == "local" else address


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Ray for the length of a block: started here where `address` is None, otherwise joined.

    Raises:
        InputDataError: not the kind of address a search can be driven from.
        GearError: nothing answers there, or it does not let us in.
    """
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    if address is not None:
        _check_address(address)
    import ray

    start = functools.partial(ray.init, logging_level=logging.ERROR, log_to_driver=False)
    try:
        if address is None:
            start("local", num_cpus=machine_cpus(), include_dashboard=False)
        else:
            start(address)
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        reason = str(error).splitlines()[0]
        hint = "; is the cluster up?" if address == "auto" else ""
        raise GearError(f"cannot connect to Ray at {address or 'this machine'}: {reason}{hint}") from error
    try:
        yield
    finally:
        ray.shutdown()


def machine_cpus() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Slots:
    """How many trials the connected Ray runs at once, and how many may be handed out to it.

    A cluster that others can join is always handed one trial more than it has room for, so that a new node has work at
    once; where Ray's autoscaler starts nodes, as many as it may start.

    Args:
        settings: what a trial needs.
        most: that the user wants at once, if that is limited.
        grows: whether nodes can join.

    Raises:
        GearError: not one trial fits on any node, nor on one that the autoscaler could start.
    """

    def __init__(self, settings: SearchSettings, most: int | None = None, *, grows: bool = False) -> None:
        self._settings, self._most, self._grows = settings, most, grows
        self._startable = startable(settings) if grows else 0
        self._counted = -math.inf
        if not max(self.now(), self._startable):
            raise GearError(too_small(settings))

    def now(self) -> int:
        """Trials that run at once on the nodes that are up."""
        if time.monotonic() - self._counted >= COUNT_SECONDS:
            self._counted, self._fitting = time.monotonic(), sum(trials_on(node, self._settings) for node in nodes())
        return min(self._fitting, self._most or self._fitting)

    def limit(self) -> int:
        """Trials that may be handed out and not ended."""
        wanted = max(self.now() + 1, self._startable) if self._grows else self.now()
        return min(wanted, self._most or wanted)


def startable(settings: SearchSettings, config: Path = BOOTSTRAP) -> int:
    """Trials that fit on all the nodes that the autoscaler of this machine, a cluster's head, may have at once."""
    return sum(trials_on(node, settings) for node in startable_nodes(config))


def startable_nodes(config: Path = BOOTSTRAP) -> list[dict[str, float]]:
    """Resources of those nodes, the best equipped ones where it may not have all."""
    try:
        told = yaml.safe_load(config.read_text())
        kinds = [kind for name, kind in told["available_node_types"].items() if name != told["head_node_type"]]
        found = [dict(kind["resources"]) for kind in kinds for _ in range(kind.get("max_workers", 0))]
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return []  # no head of `ray up`, or one whose nodes are all there
    found.sort(key=lambda node: (node.get("GPU", 0), node.get("CPU", 0)), reverse=True)
    return found[: told.get("max_workers", len(found))]


def too_small(settings: SearchSettings) -> str:
    """What to say where not one trial fits on any node."""
    needs = f"{settings.cpus_per_trial} CPUs and {settings.gpus_per_trial:g} GPUs"
    return f"no node has the {needs} of a trial: lower --cpus-per-trial or --gpus-per-trial"


def nodes() -> list[dict[str, float]]:
    """Resources of every node of the connected Ray, as Ray calls them."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def largest() -> list[dict[str, float]]:
    """The nodes of the connected Ray when it has all it may start."""
    return startable_nodes() or nodes()


def has_gpu() -> bool:
    """Whether the connected Ray has a GPU, or would start a node with one."""
    return any(node.get("GPU") for node in largest())


def trials_on(node: Mapping[str, float], settings: SearchSettings) -> int:
    """Trials that a node of these resources can run at once."""
    by_cpu = int(node.get("CPU", 0) // settings.cpus_per_trial)
    if not settings.gpus_per_trial:
        return by_cpu
    return min(by_cpu, int(node.get("GPU", 0) / settings.gpus_per_trial + 1e-9))


def _check_address(address: str) -> None:
    """Fail in seconds and in a line, where Ray would try for minutes."""
    if address == "auto":
        return
    if "://" in address:
        raise InputDataError(f"--address {address}: give HOST:PORT of the head, from a machine of the cluster")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputDataError(f"--address {address}: give HOST:PORT, or auto on a machine of the cluster")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise GearError(f"nothing answers at --address {address} ({error}): is the cluster up?") from error
