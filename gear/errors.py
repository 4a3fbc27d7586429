"""Errors a user can cause, and the one place that turns them into a line and an exit code."""

import functools
import sys
from collections.abc import Callable, Sequence

__all__ = [
    "CheckpointError",
    "GearError",
    "InputDataError",
    "StorageError",
    "UnknownNameError",
    "in_a_line",
    "user_command",
]


class GearError(Exception):
    """An error that a user can fix. One line says what was wrong, where, and what to do.

    A command prints the line and exits with code 2. Characters of a user's file that are not printable, line breaks
    among them, are shown as escapes.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


class InputDataError(GearError):
    """A user's file or value cannot be used."""


class StorageError(GearError):
    """A folder, file or server cannot be read or written."""


class CheckpointError(StorageError):
    """A checkpoint is missing or damaged. Reading it again does not help: what it held must be trained again."""


class UnknownNameError(GearError):
    """No pair, property, split, method, ... has this name.

    Args:
        kind: what the name should be, for the message: "pair", "split".
        name: what was given.
        known: the names that exist.
    """

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown {kind} '{name}'; known: {', '.join(known)}")


def in_a_line(error: Exception) -> str:
    """The type of an error and the first line of its message."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def user_command(main: Callable[[], int]) -> Callable[[], int]:
    """Wrap a command's main: a GearError becomes one line on stderr and exit code 2; bugs keep their traceback."""

    @functools.wraps(main)
    def wrapped() -> int:
        try:
            return main()
        except GearError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2

    return wrapped
