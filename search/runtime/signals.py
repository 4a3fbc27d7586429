"""Handlers of signals that are replaced for a while."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["handlers_put_back"]


@contextmanager
def handlers_put_back(*numbers: signal.Signals) -> Iterator[bool]:
    """Put back the handlers of signals at the end of a block; it is told whether this thread may set any."""
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield True
    finally:
        for number, handler in before.items():
            if handler is not None:  # one that is not Python's cannot be put back
                signal.signal(number, handler)
