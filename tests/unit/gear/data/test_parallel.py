"""Chunks spread over processes: in order, bounded, and no further than somebody reads."""

import itertools

import pytest

from gear.data import parallel
from gear.data.parallel import AHEAD, map_chunks


@pytest.fixture(autouse=True)
def _two_processes(monkeypatch):
    monkeypatch.setattr(parallel, "CHUNK", 5)
    monkeypatch.setattr(parallel, "ALONE", 1)
    monkeypatch.setattr(parallel, "usable_cpus", lambda: 2)


def test_results_come_in_order():
    assert list(map_chunks(sum, range(23), 23, "test")) == [10, 35, 60, 85, 63]


@pytest.mark.parametrize("total", [1, 1000])
def test_only_the_chunks_under_way_are_read(total):
    """Whether one process works or two."""
    read = []
    results = map_chunks(sum, (read.append(n) or n for n in itertools.count()), total, "test")
    for _ in range(3):
        next(results)
    assert len(read) <= (3 + 2 * AHEAD) * 5
    results.close()


def test_error_of_a_chunk_is_raised_here():
    with pytest.raises(TypeError):
        list(map_chunks(sum, ["a", "b"] * 20, 40, "test"))
