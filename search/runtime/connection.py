"""Ray for the length of a block: a local one on this machine, or a cluster that runs already."""

import functools
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gear.environment import with_defaults
from gear.errors import GearError, InputDataError
from search.runtime import resources

__all__ = ["connected", "where"]

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


def where(address: str | None) -> str | None:
    """The address of the Ray to join, None to start one here; without `--address`, what this machine is decides."""
    if address is None:
        return "auto" if resources.BOOTSTRAP.exists() else None
    return None if address == "local" else address


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Ray for the length of a block: started here where `address` is None, otherwise joined.

    A connection that this process has already is used as it is and left open.

    Raises:
        InputDataError: not the kind of address a search can be driven from.
        GearError: nothing answers there, or it does not let us in.
    """
    if address is not None:
        _check_address(address)
    with with_defaults(_QUIET):
        import ray

        if ray.is_initialized():
            yield
            return
        _start(address)
        try:
            yield
        finally:
            ray.shutdown()


def _start(address: str | None) -> None:
    import ray

    start = functools.partial(ray.init, logging_level=logging.ERROR, log_to_driver=False)
    try:
        if address is None:
            start("local", num_cpus=resources.machine_cpus(), include_dashboard=False)
        else:
            start(address)
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        reason = str(error).splitlines()[0]
        hint = "; is the cluster up?" if address == "auto" else ""
        raise GearError(f"cannot connect to Ray at {address or 'this machine'}: {reason}{hint}") from error


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
