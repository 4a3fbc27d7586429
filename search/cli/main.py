"""The command `gear-search`: one name for all commands, each of which is imported when it is asked for."""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from dataclasses import dataclass

from gear.command_line import SCRIPT
from gear.errors import GearError, UnknownNameError, user_command

__all__ = ["COMMANDS", "main"]

PACKAGES = {  # of the extras, and what an installation without them lacks
    "tracking": ("mlflow", "jinja2", "matplotlib"),
    "search": ("mlflow", "ray", "optuna", "rich"),
    "cluster": ("ray", "optuna", "rich", "yaml"),
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        module: whose `main` runs it; `python -m` takes the name without `.__main__`.
        help: one line.
        extra: what must be installed for it, empty for nothing more.
    """

    module: str
    help: str
    extra: str = ""


COMMANDS = {
    "run": Command("search.cli.run", "search for the best models; begin, resume or extend a campaign", "search"),
    "status": Command("search.cli.status", "show how a campaign stands", "search"),
    "report": Command("tracking.report.__main__", "write one page about what campaigns found", "tracking"),
    "models": Command("tracking.models", "list the registered models, or compare one with its rivals", "tracking"),
    "export": Command("tracking.export", "copy a registered model to a folder", "tracking"),
    "predict": Command("gear.predict", "predict the molecules of a table with an exported model"),
    "data": Command("gear.data.__main__", "show built-in properties and pairs, check tables of your own"),
    "train": Command("gear.train", "train one configuration without Ray"),
    "pretrain": Command("gear.pretrain.__main__", "train the weights that embeddings may begin with; no labels"),
    "simulate": Command("search.cli.simulator", "compare policies of search on recorded learning curves", "search"),
    "record": Command("search.cli.record", "write a campaign's record in MLflow from its folder", "search"),
    "repair": Command("search.cli.repair", "keep what is whole of a campaign whose events are damaged", "search"),
    "optuna": Command("search.cli.optuna_export", "write a campaign's Optuna studies to a database", "search"),
    "cluster": Command("search.cli.cluster.command", "detached searches, and the files of a cluster", "cluster"),
}
USAGE = f"""usage: {SCRIPT} COMMAND ...

A distributed hyperparameter search for GEAR, transfer learning on molecules.

commands:
{{commands}}

options:
  -h, --help  show this help; {SCRIPT} COMMAND --help shows a command's
  --version   show the version
"""


@user_command
def main() -> int:
    """Run the command that the first word names."""
    name, *flags = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE.format(commands="\n".join(f"  {name:<10}  {one.help}" for name, one in COMMANDS.items())), end="")
        return 0
    if name == "--version":
        print(f"{SCRIPT} {importlib.metadata.version('gear-search')}")
        return 0
    if name not in COMMANDS:
        raise UnknownNameError("command", name, list(COMMANDS))
    _require(name)
    _add_working_folder()
    sys.argv = [f"{SCRIPT} {name}", *flags]
    code: int = importlib.import_module(COMMANDS[name].module).main()
    return code


def _require(name: str) -> None:
    """Refuse a command whose packages are not installed.

    Raises:
        GearError: one is missing.
    """
    extra = COMMANDS[name].extra
    missing = [package for package in PACKAGES.get(extra, ()) if importlib.util.find_spec(package) is None]
    if missing:
        raise GearError(
            f"{SCRIPT} {name} needs {', '.join(missing)}, not installed here: pip install 'gear-search[{extra}]'"
        )


def _add_working_folder() -> None:
    """Let import paths name modules of the working folder, which `python -m` would put first.

    Last, so that a file there cannot take the place of an installed module.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


if __name__ == "__main__":
    sys.exit(main())
