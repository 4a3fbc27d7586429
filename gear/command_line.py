"""The parser of every command: flags are spelled out, and a wrong one is answered by one line.

A command has two names, `gear-search NAME` and `python -m MODULE`; its help shows the one that was typed.
"""

import argparse
import sys
from typing import Any, NoReturn

__all__ = ["SCRIPT", "Parser", "make_parser"]

SCRIPT = "gear-search"


class Parser(argparse.ArgumentParser):
    """Refuses abbreviated flags, which could mean another flag in a later version."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Print what is wrong in one line, and exit with 2."""
        self.exit(2, f"error: {message} ({self.prog} --help lists the flags)\n")


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
