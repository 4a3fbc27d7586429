"""What a command costs with everything that it starts, daemons too: wall time, processor time and memory."""

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

SAMPLE = 0.5  # seconds from one look at the processes to the next
MEMORY_EVERY = 4  # looks; adding up the pages of a process takes milliseconds
LAST_WORDS = 10  # seconds that processes have to end when they are asked to
PR_SET_CHILD_SUBREAPER = 36


class Cost(NamedTuple):
    """Of a command and all processes that it started.

    Attributes:
        seconds: of the wall clock, until the command itself ended.
        cpu: seconds of processor time, of users and system.
        peak: most memory at one time in MiB, where shared pages count once (the sum of the proportional set sizes).
        code: exit code of the command; None if its time was up.
    """

    seconds: float
    cpu: float
    peak: float
    code: int | None

    def __add__(self, other: "Cost") -> "Cost":  # type: ignore[override]
        """One command after the other."""
        code = self.code if self.code != 0 else other.code
        return Cost(self.seconds + other.seconds, self.cpu + other.cpu, max(self.peak, other.peak), code)


def measured(
    command: Sequence[str], *, timeout: float, log: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run a command, and end all that it leaves running or has running when its time is up.

    Args:
        command: and its arguments; no other command may run beside it in this process.
        timeout: seconds.
        log: file for what it prints.
        folder: that it works in.
        environment: variables beside those of this process.
    """
    _adopt_orphans()
    seen = Tree()
    reaped, started = _reaped(), time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=folder, env=_merged(environment)
        )
        code = None
        try:
            while code is None and (left := timeout - (time.perf_counter() - started)) > 0:
                seen.look()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = process.wait(min(SAMPLE, left))
            seconds = time.perf_counter() - started
            seen.look()
        finally:
            _end_all()
            process.wait()
    # each of both misses something: samples what starts and ends between two looks, the kernel's sum processes whose
    # parent does not wait for them
    return Cost(seconds, max(seen.cpu, _reaped() - reaped), seen.peak, code)


class Tree:
    """Watches all descendants of this process; `cpu` and `peak` are those of `Cost`."""

    def __init__(self) -> None:
        self._times: dict[tuple[int, float], float] = {}
        self._looks = 0
        self.peak = 0.0

    @property
    def cpu(self) -> float:
        return sum(self._times.values())

    def look(self) -> None:
        held = 0.0
        weighs = self._looks % MEMORY_EVERY == 0
        self._looks += 1
        for process in psutil.Process().children(recursive=True):
            try:
                times = process.cpu_times()
                self._times[process.pid, process.create_time()] = times.user + times.system
                held += process.memory_full_info().pss if weighs else 0.0
            except psutil.Error:  # it ended meanwhile
                continue
        self.peak = max(self.peak, held / 2**20)


def _adopt_orphans() -> None:
    """Become the parent of daemons whose parent has ended, which otherwise leave the tree."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot become the parent of orphaned processes")


def _end_all() -> None:
    """End all descendants of this process."""
    for end in (psutil.Process.terminate, psutil.Process.kill):
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.Error):  # it ended meanwhile
                end(process)
        psutil.wait_procs(left, timeout=LAST_WORDS)


def _reaped() -> float:
    """Seconds of processor time of ended children that this process and they have waited for."""
    times = os.times()
    return times.children_user + times.children_system


def _merged(environment: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(environment or {})}
