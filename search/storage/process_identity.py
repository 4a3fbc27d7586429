"""Which process holds a campaign, so that another one can tell whether it is gone.

A process number means something only in its PID namespace (a container has its own) and until the machine restarts;
numbers are used again. So a process is known by its boot, namespace, number and start together. Where the system does
not tell these (anything but Linux), no process is ever known to be gone.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessIdentity", "this_process"]

PROC = Path("/proc")
ENDED = "ZX"  # states of a process that only waits to be reaped


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process. `boot`, `namespace` and `start` are empty where they are unknown; `host` is only shown."""

    host: str
    pid: int
    boot: str = ""
    namespace: str = ""
    start: str = ""

    @property
    def gone(self) -> bool:
        """Whether the process has ended for sure, which only a process of the same boot and namespace can know."""
        here = this_process()
        if not (self.start and here.start) or (self.boot, self.namespace) != (here.boot, here.namespace):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it is another user's
            pass
        found = _state_and_start(self.pid)  # None where the system hides it
        return found is not None and (found[0] in ENDED or found[1] != self.start)


def this_process() -> ProcessIdentity:
    """The process that asks."""
    host, pid = socket.gethostname(), os.getpid()
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink(PROC / "self/ns/pid")
        own = os.readlink(PROC / "self") == str(pid)  # otherwise /proc shows the processes of another namespace
    except OSError:
        own = False
    found = _state_and_start(pid) if own else None
    return ProcessIdentity(host, pid) if found is None else ProcessIdentity(host, pid, boot, namespace, found[1])


def _state_and_start(pid: int) -> tuple[str, str] | None:
    """The state of a process, one letter, and when it started, in ticks since the boot; None if it cannot be seen."""
    try:
        state, *fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return state, fields[18]
    except (OSError, ValueError, IndexError):
        return None
