"""Waiting for storage: a share that is away for a while, or a disk that somebody is about to clear."""

import time
from collections.abc import Callable

__all__ = ["retry_while_unavailable"]

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 1.0


def retry_while_unavailable(
    write: Callable[[], object], refusals: type[Exception] | tuple[type[Exception], ...] = OSError
) -> None:
    """Write, again and again while the storage refuses, for two minutes at most.

    Args:
        write: safe to repeat when it failed half-way.
        refusals: what it raises while the storage is away; raised in the end.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            write()
        except refusals:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return
