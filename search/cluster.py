"""Ray: a local one on this machine, or a cluster that runs already."""

import functools
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gear.errors import GearError, InputDataError
from search.plan import SearchSettings

__all__ = ["connected", "has_gpu", "machine_cpus", "nodes", "slots", "too_small", "trials_on"]

CONNECT_SECONDS = 5.0
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or Ray would build the environment again on every worker
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints errors at every verbosity
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Tune's own state is never read
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


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
        raise GearError(f"cannot connect to Ray at {address or 'this machine'}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


def machine_cpus() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(settings: SearchSettings) -> int:
    """Trials that the connected Ray can run at once, with the nodes it has now.

    Raises:
        GearError: not one trial fits on any node.
    """
    fitting = sum(trials_on(node, settings) for node in nodes())
    if not fitting:
        raise GearError(too_small(settings))
    return fitting


def too_small(settings: SearchSettings) -> str:
    """What to say where not one trial fits on any node."""
    needs = f"{settings.cpus_per_trial} CPUs and {settings.gpus_per_trial:g} GPUs"
    return f"no node has the {needs} of a trial: lower --cpus-per-trial or --gpus-per-trial"


def nodes() -> list[dict[str, float]]:
    """Resources of every node of the connected Ray, as Ray calls them."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def has_gpu() -> bool:
    """Whether the connected Ray has a GPU."""
    import ray

    return bool(ray.cluster_resources().get("GPU"))  # type: ignore[no-untyped-call]


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
