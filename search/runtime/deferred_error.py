"""Errors of Tune's hooks. A hook that raises leaves Tune half-done, so the first error is kept and raised later."""

import contextlib
from collections.abc import Iterator

__all__ = ["FaultKeeper"]


class FaultKeeper:
    """Keeps the first error; the hooks wind the experiment down, and the driver raises it after."""

    first: Exception | None = None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an error of the block."""
        try:
            yield
        except Exception as error:
            self.first = self.first or error

    def raise_first(self) -> None:
        """Raise what was kept, if anything."""
        if self.first is not None:
            raise self.first
