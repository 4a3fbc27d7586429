"""Environment variables that a library reads, set for the length of a block and not longer."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["with_defaults", "with_home"]


@contextmanager
def with_defaults(values: Mapping[str, str]) -> Iterator[None]:
    """Set the variables that are not set; after the block they are unset again.

    Args:
        values: by name.
    """
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def with_home() -> Iterator[None]:
    """Set HOME: to the user's home folder or, for a user whom the system does not know, to an empty one."""
    if (home := os.path.expanduser("~")) != "~":
        with with_defaults({"HOME": home}):
            yield
        return
    with tempfile.TemporaryDirectory(prefix="gear-home-") as home, with_defaults({"HOME": home}):
        yield
