"""A search that goes on when the shell that started it is gone, on the head of a cluster.

    gear-search cluster start FLAGS     # those of gear-search run; prints the name of its log
    gear-search cluster follow [LOG]    # print what it says until it ends; Ctrl-C ends only the following
    gear-search cluster stop [LOG]      # as Ctrl-C would: it can be resumed

`gear-search run --cluster` does the first two in one, `start --follow FLAGS`, from a laptop. Each search has a log of
its own in ~/searches.
"""

import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gear.errors import GearError, InputDataError, user_command
from gear.machine import home_path

__all__ = ["Search", "follow", "main", "named", "newest", "start"]

FOLDER = home_path("~/searches")
LOOK_SECONDS = 0.5
# -P: a file in the working folder cannot take the place of an installed module
PROGRAM = ("-P", "-m", "search.cli.cluster.detached", "run")
KILLED = 1  # exit code of a search that had no time to leave one


@dataclass(frozen=True, slots=True)
class Search:
    """One that was started here. Beside its log lie its process's number, locked while it lives, and its exit code."""

    log: Path

    @property
    def running(self) -> bool:
        """Whether its process is still there."""
        with self.log.with_suffix(".pid").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def process(self) -> int:
        """Number of its process."""
        return int(self.log.with_suffix(".pid").read_text())

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and where it was killed."""
        try:
            return int(self.log.with_suffix(".exit").read_text())
        except FileNotFoundError:
            return None


@user_command
def main() -> int:
    """Start, follow or stop a search."""
    command, *flags = sys.argv[1:] or [""]
    if command == "start":
        followed = flags[:1] == ["--follow"]
        search = start(flags[1:] if followed else flags)
        print(f"started, log {search.log}", flush=True)
        return follow(search, sys.stdout) if followed else 0
    if command in ("follow", "stop") and len(flags) <= 1:
        if command == "follow":
            return follow(named(flags[0]) if flags else newest(), sys.stdout)
        return _stop(named(flags[0]) if flags else _only_running())
    if command == "run":  # what `start` starts
        return _run(Path(flags[0]), flags[1:])
    words = shlex.join(sys.argv[1:])
    raise InputDataError(f"cannot do '{words}'; usage: gear-search cluster start FLAGS | follow [LOG] | stop [LOG]")


def start(flags: Sequence[str], program: Sequence[str] = PROGRAM) -> Search:
    """Start `gear-search run` with these flags in a session of its own; `program` stands in for it in tests."""
    FOLDER.mkdir(exist_ok=True)
    search = Search(FOLDER / time.strftime(f"%Y%m%d-%H%M%S-{os.getpid()}.log"))
    command = [sys.executable, *program, str(search.log), *flags]
    with search.log.open("w") as log, search.log.with_suffix(".pid").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],  # the lock is the search's now, and goes when it does
        )
        lock.write(str(process.pid))
    return search


def newest() -> Search:
    """The search that was started last.

    Raises:
        GearError: there is none.
    """
    return _started()[-1]


def named(log: str) -> Search:
    """The search with this log: its path as `start` prints it, or the file's name.

    Raises:
        GearError: there is none.
    """
    for search in _started():
        if Path(log).name in (search.log.name, search.log.stem):
            return search
    raise GearError(f"no search was started here with the log '{log}'; the newest is {newest().log.name}")


def follow(search: Search, out: TextIO) -> int:
    """Print its log from the beginning until it ends; the exit code is the search's."""
    with search.log.open() as log:
        try:
            running = True
            while running:
                running = search.running  # before reading: what it says last is not missed
                print(log.read(), end="", file=out, flush=True)
                if running:
                    time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            print("\nthe search goes on", file=out)
            return 0
    if search.exit_code is None:
        print("the search was killed, or its machine restarted; continue it with: gear-search run --resume", file=out)
        return KILLED
    return search.exit_code


def _started() -> list[Search]:
    """Every search that was started here, in that order."""
    # a process's number is written once, the log whenever its search says something
    numbers = sorted(FOLDER.glob("*.pid"), key=lambda number: number.stat().st_mtime_ns)
    if not numbers:
        raise GearError(f"no search was started here, there is none in {FOLDER}")
    return [Search(number.with_suffix(".log")) for number in numbers]


def _only_running() -> Search:
    """The one that may be stopped without its name."""
    running = [search for search in _started() if search.running]
    if not running:
        raise GearError(f"no search runs here; the newest was that of {newest().log}")
    if len(running) > 1:
        names = ", ".join(search.log.name for search in running)
        raise GearError(f"{len(running)} searches run here, name the log of the one to stop: {names}")
    return running[0]


def _stop(search: Search) -> int:
    if not search.running:
        raise GearError(f"the search of {search.log} does not run")
    os.kill(search.process, signal.SIGINT)
    return 0


def _run(log: Path, flags: list[str]) -> int:
    from search.cli import main

    sys.argv = ["gear-search", "run", *flags]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with Ctrl-C turned off
    try:
        code = main.main()
    except SystemExit as end:  # flags that argparse refuses
        code = end.code if isinstance(end.code, int) else KILLED
    except BaseException:
        log.with_suffix(".exit").write_text(str(KILLED))
        raise
    log.with_suffix(".exit").write_text(str(code))
    return code


if __name__ == "__main__":
    sys.exit(main())
