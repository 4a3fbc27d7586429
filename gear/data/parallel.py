"""Work on many molecules, spread over the processors, with a progress bar where somebody watches."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import joblib
from tqdm import tqdm

__all__ = ["map_chunks"]

CHUNK = 2000  # items that a process takes at once
ALONE = 3  # chunks that one process does sooner than others would have started

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
    parallel = joblib.Parallel(jobs, return_as="generator", pre_dispatch="2 * n_jobs", batch_size=1)
    with tqdm(total=total, desc=what, unit=" molecules", disable=None, leave=False) as bar:
        for size, result in parallel(joblib.delayed(_sized)(work, chunk) for chunk in chunks):
            bar.update(size)
            yield result


def _sized(work: Callable[[list[Item]], Result], chunk: list[Item]) -> tuple[int, Result]:
    return len(chunk), work(chunk)
