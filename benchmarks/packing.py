"""What `bench_fused --arrays --processes` times: P processes on one device, each training K models as one array.

The processes are started once; for each configuration the first P of them train for the same length of time. Whatever
goes wrong in one is told in the row of the configuration, and the next one gets new processes.
"""

import contextlib
import dataclasses
import gc
import itertools
import multiprocessing
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

START = 180.0  # seconds that processes have to import everything and to open the device
BUILD = 120.0  # seconds that they have to build an array and to train its first epochs
WARM = 2  # epochs before the clock starts: kernels are loaded, and the allocator has its memory
MPS = "nvidia-cuda-mps-control"


class Array(NamedTuple):
    """What a process trains: models of one method and structure, with learning rates of their own."""

    method: str
    width: int
    members: int
    pair: str
    split: str
    device: str


class Window(NamedTuple):
    """What a process did: molecules of all its models together, in how many seconds."""

    molecules: int
    seconds: float


class Opened(NamedTuple):
    """A process has opened the device, and the device's name."""

    name: str


class Ready(NamedTuple):
    """A process has built and warmed up its array."""

    epochs: int


class Peak(NamedTuple):
    """Most memory that a process held, in MiB: of the device on a GPU, of its own so far on a CPU."""

    mib: float


class CannotOpenError(Exception):
    """A process cannot use the device."""


class WorkerError(Exception):
    """A process said something else than it should have."""


class Packed(NamedTuple):
    """How P processes with arrays of K models did.

    Attributes:
        speed: molecules a second of all models of all processes, a window each.
        peak: MiB of the process that held most, see `Peak`.
        error: of a process, if one failed.
    """

    speed: tuple[float, ...] = ()
    peak: float = 0.0
    error: str = ""


def serve(pipe: Connection, device: str) -> None:
    """Train what the pipe asks for, until it is closed; what goes wrong is said through it."""
    with contextlib.suppress(EOFError, OSError):  # the pipe is closed
        try:
            pipe.send(opened(device))
            while True:
                train(pipe, *pipe.recv())
                gc.collect()
        except EOFError:
            raise
        except Exception:  # no device, or not enough of its memory for instance
            pipe.send(traceback.format_exc())


def opened(device: str) -> Opened:
    """Open the device."""
    import torch

    from gear.device import claim, pick_device

    claim(threads=1)
    torch.zeros(1, device=pick_device(device)).cpu()
    name = torch.cuda.get_device_name() if device == "cuda" else "a CPU"
    return Opened(f"{name}, one thread each, torch {torch.__version__}")


def train(pipe: Connection, array: Array, seconds: float, windows: int) -> None:
    """Build an array and warm it up; at each word of the pipe train it for some seconds, and say what was done."""
    import torch

    from gear.data import load_pair
    from gear.device import claim, peak_memory_mb, pick_device
    from gear.training.fusing import can_be_fused, runs_with_one_store
    from gear.training.together import Together

    claim(threads=1)  # forgets the peak of the last array
    configs, pair = members(array), load_pair(array.pair, array.split)
    pairs = [pair] * len(configs)
    if len(configs) > 1 and not can_be_fused(configs, pairs):
        raise ValueError(f"{array} cannot be trained as one array")
    epochs = Together(runs_with_one_store(configs, pairs, array.device)).epochs()
    of_epoch = array.members * molecules(configs[0].training, len(pair.target.train.rows))

    def epoch() -> None:
        next(epochs)
        if array.device == "cuda":
            torch.cuda.synchronize()

    for _ in range(WARM):
        epoch()
    pipe.send(Ready(WARM))
    for _ in range(windows):
        pipe.recv()
        started, done, took = time.perf_counter(), 0, 0.0
        while took < seconds:
            epoch()
            done, took = done + of_epoch, time.perf_counter() - started
        pipe.send(Window(done, took))
    pipe.send(Peak(peak_memory_mb(pick_device(array.device))))


def members(array: Array) -> list[Any]:
    """The configurations of an array: learning rates from a third of the default to three times it."""
    from gear.config import EmbeddingConfig, TrainingConfig, TrialConfig

    training = TrainingConfig(epochs=100_000, patience=0, warm_start=False)
    base = TrialConfig(array.method, embedding=EmbeddingConfig(width=array.width, depth=3), training=training)
    shares = [3 ** (2 * (member + 0.5) / array.members - 1) for member in range(array.members)]
    return [
        dataclasses.replace(
            base, seed=member, training=dataclasses.replace(training, learning_rate=training.learning_rate * share)
        )
        for member, share in enumerate(shares)
    ]


def molecules(training: Any, labels: int) -> int:
    """Molecules of the target in an epoch of one model."""
    steps = -(-labels // training.batch_size)
    return labels * -(-training.epoch_steps // steps)


class Fleet:
    """Processes that share a device.

    Args:
        count: how many.
        device: `cpu` or `cuda`.
        until: on the monotonic clock; no wait is longer.

    Attributes:
        name: of the device.

    Raises:
        CannotOpenError: a process cannot use the device.
    """

    def __init__(self, count: int, device: str, until: float) -> None:
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        self.until = until
        self.pipes: list[Connection] = []
        self.processes: list[BaseProcess] = []
        os.environ["OMP_NUM_THREADS"] = "1"
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, device), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)
        found = self._answers(self.pipes, START)
        if errors := [one for one in found if not isinstance(one, Opened)]:
            self.close()
            raise CannotOpenError(last_line(str(errors[0])))
        self.name: str = found[0].name

    def measure(self, array: Array, processes: int, seconds: float, windows: int) -> Packed:
        """Let so many of them train an array of their own each, at the same time; after an error all are ended."""
        pipes, speed = self.pipes[:processes], []
        try:
            for pipe in pipes:
                pipe.send((array, seconds, windows))
            self._expect(Ready, pipes, BUILD)
            for _ in range(windows):
                for pipe in pipes:
                    pipe.send("go")
                found = self._expect(Window, pipes, BUILD)
                speed.append(sum(one.molecules / one.seconds for one in found))
            peaks = self._expect(Peak, pipes, BUILD)
        except (WorkerError, OSError) as error:
            self.close()
            return Packed(error=last_line(str(error)))
        return Packed(tuple(speed), max(one.mib for one in peaks))

    def _expect(self, kind: type, pipes: Sequence[Connection], seconds: float) -> list[Any]:
        """What each says next, which must be of a kind."""
        found = self._answers(pipes, seconds)
        for one in found:
            if not isinstance(one, kind):
                raise WorkerError(str(one))
        return found

    def _answers(self, pipes: Sequence[Connection], seconds: float) -> list[Any]:
        """What each says next; an error if it says nothing in time, or has ended."""
        until, found = min(time.monotonic() + seconds, self.until), []
        for pipe in pipes:
            try:
                is_there = pipe.poll(max(0.0, until - time.monotonic()))
                found.append(pipe.recv() if is_there else "took too long")
            except (EOFError, OSError):
                found.append("a process ended before its time: see above")
        return found

    def close(self) -> None:
        """End all processes."""
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.kill()
            process.join()
        self.processes = []


class Rows:
    """Prints a row for each configuration, its speed against that of one process with one model.

    Args:
        count: of the processes that are started.
        device: `cpu` or `cuda`.
        seconds: of a window, `windows` of them are measured.
        fleet_of: starts the processes.
    """

    def __init__(
        self, count: int, device: str, seconds: float, windows: int, fleet_of: Callable[..., Fleet] = Fleet
    ) -> None:
        self.count, self.device, self.seconds, self.windows, self.fleet_of = count, device, seconds, windows, fleet_of
        self.took: dict[tuple[int, int], float] = {}  # seconds, by processes and members
        self.base: dict[tuple[str, int], float] = {}
        self.fleet: Fleet | None = None

    def measure(self, arrays: Sequence[tuple[Array, int]], until: float, note: str = "") -> None:
        """Print the rows of arrays and numbers of processes; those that do not fit are named.

        Args:
            arrays: in the order of their importance.
            until: when to end, on the monotonic clock.
            note: stands beside each row.
        """
        try:
            for array, processes in arrays:
                title = f"{array.method} width {array.width}, {processes:2} x {array.members:2}{note}"
                if time.monotonic() + self._expected(array, processes) >= until:
                    print(f"{title:34} skipped: it does not fit in the budget", flush=True)
                    continue
                print(f"{title:34} {self._row(array, processes, until, is_base=not note)}", flush=True)
        except CannotOpenError as error:
            print(f"not measured{note}: {error}", flush=True)
        finally:
            if self.fleet is not None:
                self.fleet.close()
            self.fleet = None

    def _row(self, array: Array, processes: int, until: float, *, is_base: bool) -> str:
        if self.fleet is None or not self.fleet.processes:
            self.fleet = self.fleet_of(self.count, self.device, until)
            print(f"{self.count} processes on {self.fleet.name}", flush=True)
        self.fleet.until = until
        started = time.monotonic()
        found = self.fleet.measure(array, processes, self.seconds, self.windows)
        self.took[processes, array.members] = time.monotonic() - started
        if found.error:
            return f"failed: {found.error}"
        median = statistics.median(found.speed)
        if is_base and (array.members, processes) == (1, 1):
            self.base[array.method, array.width] = median
        base = self.base.get((array.method, array.width))
        ratio = "" if base is None else f"{median / base:.2f}"
        spread = f"({min(found.speed):.0f}..{max(found.speed):.0f})"
        return f"{median:10.0f} {spread:>20} {ratio:>7} {found.peak:10.0f}"

    def _expected(self, array: Array, processes: int) -> float:
        """Seconds of a configuration: as long as the longest that is no larger."""
        known = [took for (p, k), took in self.took.items() if p <= processes and k <= array.members]
        return max(known, default=self.seconds * self.windows)


def last_line(error: str) -> str:
    """What an error says, without where."""
    return (error.strip().splitlines() or ["nothing"])[-1][:200]


def order(arrays: Sequence[Array], processes: Sequence[int]) -> list[tuple[Array, int]]:
    """Every array in every number of processes: the base, one process, arrays of one, then both; small ones first."""
    pairs = itertools.product(arrays, sorted(set(processes)))
    return sorted(pairs, key=lambda one: (1 not in (one[0].members, one[1]), one[1] > 1, one[0].members * one[1]))


@contextlib.contextmanager
def mps() -> Iterator[bool]:
    """Run NVIDIA's multi-process service with files in a folder of its own; False where there is none."""
    control = shutil.which(MPS)
    if control is None:
        print(f"MPS: not measured, there is no {MPS} here")
        yield False
        return
    with tempfile.TemporaryDirectory(prefix="mps-", ignore_cleanup_errors=True) as folder:
        places = {
            "CUDA_MPS_PIPE_DIRECTORY": str(Path(folder) / "pipe"),
            "CUDA_MPS_LOG_DIRECTORY": str(Path(folder) / "log"),
        }
        for place in places.values():
            Path(place).mkdir()
        os.environ.update(places)
        try:
            started = subprocess.run([control, "-d"], capture_output=True, text=True, timeout=30)
            if started.returncode:
                print(f"MPS: not measured, {MPS} says: {last_line(started.stdout + started.stderr)}")
            yield started.returncode == 0
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([control], input="quit\n", capture_output=True, text=True, timeout=30)
            for name in places:
                os.environ.pop(name, None)


def compare(
    arrays: Sequence[Array], processes: Sequence[int], budget: float, seconds: float, windows: int, *, with_mps: bool
) -> None:
    """Print a row for every array in every number of processes.

    Args:
        arrays: of one pair, split and device; those of one model are the base of the others.
        processes: numbers of them.
        budget: seconds for everything, a third of which is for MPS if it is asked for.
        seconds: of a window, `windows` of them are measured.
        with_mps: measure several processes also with NVIDIA's multi-process service.
    """
    from gear.data import load_pair

    started, first = time.monotonic(), arrays[0]
    load_pair(first.pair, first.split)  # built once, before several processes ask for it
    rows = Rows(max(processes), first.device, seconds, windows)
    print(f"{'processes x models of each':34} {'molecules/s':>10} {'(min..max)':>20} {'ratio':>7} {'peak MiB':>10}")
    everything = order(arrays, processes)
    rows.measure(everything, started + budget * (2 / 3 if with_mps else 1))
    if with_mps:
        with mps() as is_on:
            if is_on:
                rows.measure([one for one in everything if one[1] > 1], started + budget, ", MPS")
