"""The parser of every command: flags are spelled out, and a wrong one is answered by one line.

A command has two names, `gear-search NAME` and `python -m MODULE`; its help shows the one that was typed.
"""

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["LARGEST", "SCRIPT", "Parser", "at_least", "make_parser"]

SCRIPT = "gear-search"
LARGEST = 2**31 - 1  # whole number that every library takes, as a seed for instance


class Parser(argparse.ArgumentParser):
    """Refuses abbreviated flags, which could mean another flag in a later version.

    A flag of type int takes whole numbers from 0 to LARGEST, unless it says otherwise with `at_least`, and one of type
    float finite numbers.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(**{"allow_abbrev": False, **options})
        self.register("type", int, at_least(0))
        self.register("type", float, _finite)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong in one line, and exit with 2."""
        self.exit(2, f"error: {message} ({self.prog} --help lists the flags)\n")


def at_least(minimum: int) -> Callable[[str], int]:
    """The type of a flag that takes whole numbers from a minimum to LARGEST."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {value}")
        if value > LARGEST:
            raise argparse.ArgumentTypeError(f"must be at most {LARGEST:,}")
        return value

    return read


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a finite number")
    return value


def make_parser(module: str, description: str | None = None, *, add_help: bool = True) -> Parser:
    """The parser of a module's command.

    Args:
        module: name that `python -m` takes.
        description: first text of the help.
        add_help: whether it has the flag --help.
    """
    typed = sys.argv[0]  # "gear-search NAME" where search.cli.main passed the command on
    name = typed if typed.startswith(f"{SCRIPT} ") else f"python -m {module}"
    return Parser(prog=name, description=description, add_help=add_help)
