"""Connects to Ray for the length of a block: a local one that is started here, or a cluster that is running."""

import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gear.environment import with_defaults, with_home
from gear.errors import GearError, InputDataError
from gear.machine import usable_memory
from search.runtime import resources
from search.runtime.signals import handlers_put_back

__all__ = ["connected", "where"]

CONNECT_SECONDS = 5.0
SHORT = "/tmp/ray"  # Ray's own default where no variable says otherwise
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107  # bytes of its path
SOCKET = "/session_2026-01-31_12-00-00_000000_4194304/sockets/plasma_store"  # the longest that Ray makes
OBJECT_STORE_SHARE, OBJECT_STORE = 0.1, 2 * 2**30  # of the memory, and bytes at most: a search keeps little there
PROJECT = str(Path(__file__).parents[2])  # the folder of the packages that this process runs
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # otherwise Ray builds the environment again on every worker
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints errors at every level of verbosity
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Tune's own state is never read
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def where(address: str | None) -> str | None:
    """The address of the Ray to join, or None to start one here. Without `--address` the head of a cluster joins it."""
    if address is None:
        return "auto" if resources.BOOTSTRAP.exists() else None
    return None if address == "local" else address


class _WorkerPaths(list[str]):
    """Folders that a worker puts before its import path, one after the other, so that the last is the first.

    Ray would add the working folder after them, so that a file `search.py` there would take the place of this package.
    """

    def extend(self, _: Iterable[str], /) -> None:
        """Add nothing."""


def _folders() -> list[str]:
    """The working folder and the running script's, for modules that a plan names, before this project."""
    script = os.path.dirname(os.path.realpath(sys.argv[0]))
    return [os.getcwd(), *([script] if script in sys.path else []), PROJECT]


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Ray for the length of a block: started here where `address` is None, otherwise joined.

    A connection that this process has already is used as it is and left open.

    Raises:
        InputDataError: a search cannot be driven through such an address.
        GearError: nothing answers there, or access is denied.
    """
    if address is not None:
        _check_address(address)
    with with_home(), with_defaults(_QUIET):  # Ray keeps a token at home
        import ray

        if ray.is_initialized():
            yield
            return
        _start(address)
        try:
            with _stopped_by_signals():
                yield
        finally:
            ray.shutdown()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop what runs in a block, each of them in one way.

    A script that starts a search in the background has Ctrl-C turned off in it. Batch systems and containers send
    SIGTERM some seconds before they kill; Ray's own handler ends the process on the spot.
    """
    with handlers_put_back(signal.SIGINT, signal.SIGTERM) as may_set:
        if may_set:
            if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        yield


def _start(address: str | None) -> None:
    import ray
    from ray.job_config import JobConfig

    paths = JobConfig(_py_driver_sys_path=_WorkerPaths(_folders()))
    folder = _short_folder() if address is None else None
    start = functools.partial(ray.init, logging_level=logging.ERROR, log_to_driver=False, job_config=paths)
    try:
        if address is None:
            store = min(int(OBJECT_STORE_SHARE * usable_memory()), OBJECT_STORE)  # Ray's own knows no batch job's limit
            cpus = resources.machine_cpus()
            start("local", num_cpus=cpus, object_store_memory=store, include_dashboard=False, _temp_dir=folder)
        else:
            start(address)
    except Exception as error:  # Ray has no type of its own for processes of its that do not start
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        hint = "; is the cluster up?" if address == "auto" else ""
        if address is None and isinstance(error, OSError) and error.errno is not None:
            hint = "; RAY_TMPDIR moves the files of Ray"
        raise GearError(f"cannot connect to Ray at {address or 'this machine'}: {reason}{hint}") from error


def _short_folder() -> str | None:
    """A folder for the files of a Ray that is started here; None where Ray's own choice is short enough for sockets.

    Raises:
        GearError: RAY_TMPDIR is too long.
    """
    room = LONGEST_SOCKET - len(SOCKET)
    for variable in ("RAY_TMPDIR", "TMPDIR"):
        if folder := os.environ.get(variable):
            break
    else:
        return None
    if len(os.fsencode(os.path.join(folder, "ray"))) <= room:
        return None
    if variable == "RAY_TMPDIR":
        raise GearError(
            f"RAY_TMPDIR {folder} is too long for the sockets that Ray makes there: set it to a folder of at most "
            f"{room - len('/ray')} characters"
        )
    print(
        f"TMPDIR is too long for the sockets of Ray, whose files go to {SHORT}; RAY_TMPDIR moves them", file=sys.stderr
    )
    return SHORT


def _check_address(address: str) -> None:
    """Fail within seconds and with one line, where Ray would try for minutes."""
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
