"""Arrays against processes: what is measured in which order, what goes wrong, what does not fit in the budget."""

import functools
import multiprocessing
import os
import threading
import time
from multiprocessing.connection import Connection

import packing
import pytest
import torch
from packing import Array, CannotOpenError, Opened, Packed, Peak, Ready, Rows, Window

from gear.testing.pairs import synthetic_pair
from gear.training.batching import epoch_batches
from gear.training.fusing import can_be_fused

ARRAY = Array("stl", 8, 1, "hv_from_ds", "random", "cpu")


def test_the_base_comes_first_and_the_largest_last():
    arrays = [ARRAY._replace(members=members) for members in (4, 1)]
    order = [(array.members, processes) for array, processes in packing.order(arrays, [2, 1, 4])]
    assert order == [(1, 1), (4, 1), (1, 2), (1, 4), (4, 2), (4, 4)]


@pytest.mark.parametrize("method", ["stl", "gear"])
def test_members_differ_and_are_one_array(method):
    configs = packing.members(ARRAY._replace(method=method, members=3))
    assert len({config.training.learning_rate for config in configs}) == len({config.seed for config in configs}) == 3
    pair = synthetic_pair()
    assert can_be_fused(configs, [pair] * 3)


@pytest.mark.parametrize("labels", [48, 64, 65, 700, 1601])
def test_molecules_of_an_epoch_are_those_of_its_batches(labels):
    (config,) = packing.members(ARRAY)
    training = config.training
    batches = epoch_batches(
        torch.arange(labels), [], training.batch_size, torch.Generator().manual_seed(0), training.epoch_steps
    )
    assert packing.molecules(training, labels) == sum(map(len, batches))


@pytest.fixture
def served(monkeypatch):
    """The pipe to a worker that is a thread of this process, with a small pair."""
    monkeypatch.setattr("gear.data.load_pair", lambda *_: synthetic_pair())
    monkeypatch.setattr(packing, "WARM", 1)
    ours, theirs = multiprocessing.Pipe()
    worker = threading.Thread(target=packing.serve, args=(theirs, "cpu"), daemon=True)
    worker.start()
    yield ours
    ours.close()
    worker.join(10)
    assert not worker.is_alive()


def answer(pipe):
    assert pipe.poll(60)
    return pipe.recv()


def test_a_worker_trains_arrays_one_after_the_other_and_counts_all_their_molecules(served):
    assert isinstance(answer(served), Opened)
    for members in (2, 1):
        served.send((ARRAY._replace(members=members), 0.01, 1))
        assert isinstance(answer(served), Ready)
        served.send("go")
        found = answer(served)
        assert isinstance(found, Window)
        assert found.seconds >= 0.01
        assert found.molecules in [epochs * members * 1300 for epochs in range(1, 100)]  # 13 passes over 100
        assert isinstance(answer(served), Peak)


def test_a_worker_says_what_went_wrong(served):
    answer(served)
    served.send((ARRAY._replace(method="nothing"), 0.01, 1))
    assert "nothing" in answer(served)


class FakeFleet:
    """Processes of which one with more than `memory` models in all fails."""

    name = "a fake device"

    def __init__(self, count, device, until, memory=8, clock=None):
        self.processes, self.memory, self.clock = [None] * count, memory, clock

    def measure(self, array, processes, seconds, windows):
        if self.clock:
            self.clock.now += 2.0
        if array.members * processes > self.memory:
            self.close()
            return Packed(error="OutOfMemoryError: no more")
        return Packed((90.0 * array.members, 100.0 * array.members, 120.0 * array.members), 10.0)

    def close(self):
        self.processes = []


ALL = packing.order([ARRAY, ARRAY._replace(members=4)], [1, 4])


def rows_of(capsys, fleet, note=""):
    Rows(4, "cpu", 0.001, 3, fleet).measure(ALL, time.monotonic() + 600, note)
    return capsys.readouterr().out.splitlines()


def test_a_row_has_the_median_of_the_windows_and_its_ratio(capsys):
    first, *rows = rows_of(capsys, FakeFleet)
    assert first == "4 processes on a fake device"
    assert rows[0].split()[-5:] == ["1", "100", "(90..120)", "1.00", "10"]
    assert rows[1].split()[-5:] == ["4", "400", "(360..480)", "4.00", "10"]


def test_after_a_failure_new_processes_measure_the_rest(capsys):
    rows = rows_of(capsys, functools.partial(FakeFleet, memory=3))
    assert [row for row in rows if "OutOfMemoryError: no more" in row] == [rows[2], rows[4], rows[6]]
    assert [row for row in rows if row.startswith("4 processes on")] == [rows[0], rows[3], rows[5]]


def test_what_does_not_fit_in_the_budget_is_named(capsys, monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(packing, "time", clock)
    fleet = functools.partial(FakeFleet, clock=clock)
    Rows(4, "cpu", 0.001, 3, fleet).measure(ALL, until=5.0)  # a configuration takes 2 s
    rows = capsys.readouterr().out.splitlines()
    assert [row.endswith("skipped: it does not fit in the budget") for row in rows[1:]] == [False, False, True, True]


class FakeClock:
    now = 0.0

    def monotonic(self):
        return self.now


def test_where_the_device_cannot_be_opened_one_line_says_so(capsys):
    def broken(*_):
        raise CannotOpenError("no GPU here")

    assert rows_of(capsys, broken, note=", MPS") == ["not measured, MPS: no GPU here"]


def test_a_process_that_cannot_open_its_device_is_told(monkeypatch):
    monkeypatch.setattr(packing.multiprocessing, "get_context", lambda _: ThreadContext)
    with pytest.raises(CannotOpenError, match="finds no GPU here"):
        packing.Fleet(2, "cuda:7", time.monotonic() + 60)


class ThreadContext:
    """Processes that are threads."""

    Pipe = staticmethod(multiprocessing.Pipe)

    class Process(threading.Thread):
        def __init__(self, *, target, args, daemon):
            pipe, *others = args
            super().__init__(target=target, args=(Connection(os.dup(pipe.fileno())), *others), daemon=daemon)

        def kill(self):
            """The closed pipe ends it."""


def test_no_wait_is_longer_than_the_budget(monkeypatch):
    monkeypatch.setattr(packing.multiprocessing, "get_context", lambda _: ThreadContext)
    monkeypatch.setattr(packing, "opened", lambda device: Opened("slow"))
    monkeypatch.setattr(packing, "train", lambda pipe, *_: pipe.recv())
    fleet = packing.Fleet(1, "cpu", time.monotonic() + 60)
    fleet.until = time.monotonic() + 0.1
    assert fleet.measure(ARRAY, 1, 0.01, 1) == Packed(error="took too long")
    assert fleet.processes == []


CONTROL = """#!/bin/sh
read -r word || word=$1
echo "$word $CUDA_MPS_PIPE_DIRECTORY" >>"$CALLS"
[ -d "$CUDA_MPS_PIPE_DIRECTORY" ] && exit "$CODE"
"""


@pytest.mark.parametrize(("code", "is_on"), [("0", True), ("1", False)])
def test_mps_is_started_and_stopped_with_files_of_its_own(code, is_on, tmp_path, monkeypatch, capsys):
    (tmp_path / packing.MPS).write_text(CONTROL)
    (tmp_path / packing.MPS).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("CODE", code)
    with packing.mps() as found:
        place = packing.os.environ["CUDA_MPS_PIPE_DIRECTORY"]
        assert found is is_on
    assert (tmp_path / "calls").read_text().splitlines() == [f"-d {place}", f"quit {place}"]
    assert "CUDA_MPS_PIPE_DIRECTORY" not in packing.os.environ
    assert ("not measured" in capsys.readouterr().out) is not is_on


def test_without_mps_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    with packing.mps() as found:
        assert found is False
    assert capsys.readouterr().out == "MPS: not measured, there is no nvidia-cuda-mps-control here\n"
