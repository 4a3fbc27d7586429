"""Retries of writes, for storage that is unavailable for a while or a disk that is full until somebody clears it."""

import time
from collections.abc import Callable

__all__ = ["retry_while_unavailable"]

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 1.0


def retry_while_unavailable(
    write: Callable[[], object], errors: type[Exception] | tuple[type[Exception], ...] = OSError
) -> None:
    """Write, and repeat it while the storage is unavailable, for `PATIENCE_SECONDS` at most.

    Args:
        write: can be repeated after it failed half-way.
        errors: what it raises while the storage is unavailable; the last one is raised after that time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            write()
        except errors:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return
