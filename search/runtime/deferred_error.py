"""Errors of Tune's hooks: a hook that raises leaves Tune in an undefined state, so its error is raised later."""

import contextlib
from collections.abc import Iterator

__all__ = ["DeferredErrors"]


class DeferredErrors:
    """Stores the first error; the hooks then end the experiment, and the driver raises the error after that."""

    first: Exception | None = None

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Store an exception of the block instead of raising it."""
        try:
            yield
        except Exception as error:
            self.first = self.first or error

    def raise_first(self) -> None:
        """Raise the stored error, if there is one."""
        if self.first is not None:
            raise self.first
