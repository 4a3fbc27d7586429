"""Work on many molecules, on all processors if that is faster, with a progress bar on a terminal."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from joblib.externals import loky  # type: ignore[import-untyped]
from tqdm import tqdm

from gear.machine import usable_cpus

__all__ = ["map_chunks"]

CHUNK = 2000  # items that a process works on at once
ALONE = 3  # chunks; for fewer, starting processes takes longer than the work
AHEAD = 2  # chunks that are submitted ahead for each process

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_chunks(work: Callable[[list[Item]], Result], items: Iterable[Item], total: int, what: str) -> Iterator[Result]:
    """Yield `work` of every chunk of the items, in order; only the chunks in progress are in memory.

    Args:
        work: a function of a module, so that other processes can import it.
        items: iterated as chunks are needed.
        total: about how many items there are; decides whether more processes are started.
        what: title of the progress bar.
    """
    iterator = iter(items)
    chunks = iter(lambda: list(itertools.islice(iterator, CHUNK)), [])
    jobs = 1 if total <= ALONE * CHUNK else usable_cpus()
    results = _spread(work, chunks, jobs) if jobs > 1 else ((len(chunk), work(chunk)) for chunk in chunks)
    with tqdm(total=total, desc=what, unit=" molecules", disable=None, leave=False) as bar:
        for size, result in results:
            bar.update(size)
            yield result


def _spread(
    work: Callable[[list[Item]], Result], chunks: Iterable[list[Item]], jobs: int
) -> Iterator[tuple[int, Result]]:
    """Size and result of every chunk. `joblib.Parallel` would submit chunks without limit while a reader is slow."""
    pool = loky.get_reusable_executor(jobs, env={"OMP_NUM_THREADS": "1"})
    under_way: deque[tuple[int, Future[Result]]] = deque()
    try:
        for chunk in chunks:
            under_way.append((len(chunk), pool.submit(work, chunk)))
            if len(under_way) == AHEAD * jobs:
                size, future = under_way.popleft()
                yield size, future.result()
        while under_way:
            size, future = under_way.popleft()
            yield size, future.result()
    finally:
        for _, future in under_way:
            future.cancel()
