"""Work on many molecules, spread over the processors, with a progress bar where somebody watches."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

import joblib
from joblib.externals import loky  # type: ignore[import-untyped]
from tqdm import tqdm

__all__ = ["map_chunks"]

CHUNK = 2000  # items that a process takes at once
ALONE = 3  # chunks that one process does sooner than others would have started
AHEAD = 2  # chunks that wait for each process

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_chunks(work: Callable[[list[Item]], Result], items: Iterable[Item], total: int, what: str) -> Iterator[Result]:
    """`work` on every chunk of the items, in their order; only the chunks under way are in memory.

    Args:
        work: a module's function, since other processes import it.
        items: read as chunks are needed.
        total: how many items there are, about; decides whether other processes are worth their start.
        what: the progress bar's name.
    """
    iterator = iter(items)
    chunks = iter(lambda: list(itertools.islice(iterator, CHUNK)), [])
    jobs = 1 if total <= ALONE * CHUNK else joblib.cpu_count()
    results = _spread(work, chunks, jobs) if jobs > 1 else ((len(chunk), work(chunk)) for chunk in chunks)
    with tqdm(total=total, desc=what, unit=" molecules", disable=None, leave=False) as bar:
        for size, result in results:
            bar.update(size)
            yield result


def _spread(
    work: Callable[[list[Item]], Result], chunks: Iterable[list[Item]], jobs: int
) -> Iterator[tuple[int, Result]]:
    """Size and result of every chunk. joblib's own `Parallel` would run ahead of a slow reader without end."""
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
