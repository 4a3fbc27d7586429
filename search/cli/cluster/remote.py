"""From a laptop: `gear-search run --cluster cluster.yaml FLAGS` runs the search on a cluster's head and shows it.

All goes through `ray exec`, that is ssh: nothing of the cluster listens where the laptop could reach it. The search is
detached on the head (`search.cli.cluster.detached`), so a laptop that is closed does not end it.
"""

import shlex
import subprocess
import sys
from pathlib import Path

from gear.command_line import Parser, make_parser
from gear.errors import GearError, InputDataError

__all__ = ["run_on_cluster", "split_flags"]

PROJECT = "~/gear-search"  # where cluster.yaml has the project copied to
FILES = ("--target-data", "--source-data", "--plan")


def split_flags(flags: list[str]) -> tuple[Path | None, list[str]]:
    """What `--cluster` names, and the flags without it."""
    parser = _parser()
    parser.add_argument("--cluster", type=Path)
    found, rest = parser.parse_known_args(flags)
    return found.cluster, rest


def run_on_cluster(cluster: Path, flags: list[str]) -> int:
    """Start the search on the head, and follow it until it ends or Ctrl-C; the exit code is 0 where it succeeded.

    Args:
        cluster: what `ray up` was given.
        flags: of search.run.

    Raises:
        InputDataError: no such file, or a flag names a file that the nodes do not have.
    """
    if not cluster.exists():
        raise InputDataError(f"--cluster {cluster}: there is no such file; give the one that ray up was given")
    _check_files(flags)
    search = f"gear-search run {shlex.join(flags)}"
    if "--dry-run" in flags:
        return _execute(cluster, search)
    if "--yes" not in flags and sys.stdin is not None and sys.stdin.isatty():
        failed = _execute(cluster, f"{search} --dry-run")
        if failed or input(f"Start on the cluster of {cluster}? [y/N] ").lower() != "y":
            return failed
    try:
        code = _execute(cluster, f"gear-search cluster start --follow {shlex.join(flags)}")
    except KeyboardInterrupt:
        code = 130
    if code:
        print(_how_to_come_back(cluster))
    return code


def _check_files(flags: list[str]) -> None:
    """Files reach the nodes only with the project."""
    parser = _parser()
    for flag in FILES:
        parser.add_argument(flag, type=Path, nargs="+", default=[])
    found, _ = parser.parse_known_args(flags)
    for flag in FILES:
        for path in getattr(found, flag[2:].replace("-", "_")):
            if path.is_absolute() or ".." in path.parts:
                raise InputDataError(
                    f"{flag} {path}: the nodes have only the files of this project; put it into this folder, copy it "
                    "with ray up --no-restart, and name it without a leading / or .."
                )


def _execute(cluster: Path, command: str) -> int:
    ray = Path(sys.executable).with_name("ray")
    if not ray.exists():
        raise GearError("there is no ray command beside this Python: pip install -c constraints.txt -e '.[cluster]'")
    quiet = ["--log-style", "pretty", "--log-color", "false"]
    return subprocess.call([ray, "exec", *quiet, cluster, f"cd {PROJECT} && {command}"])


def _how_to_come_back(cluster: Path) -> str:
    at = f"ray exec {cluster}"
    return "\n".join(
        [
            "A search that runs goes on. You can, with the name of its log where others were started there:",
            f"  {at} 'gear-search cluster follow'    # see what it says",
            f"  {at} 'gear-search status'            # see where it stands",
            f"  {at} 'gear-search cluster stop'      # end it; --resume continues it",
        ]
    )


def _parser() -> Parser:
    return make_parser("search.run", add_help=False)
