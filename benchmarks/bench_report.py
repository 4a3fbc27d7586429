"""What it takes to read a large record: the report, the state of a campaign, and completing the record.

    python benchmarks/bench_report.py [--trials 100 1000 10000] [--keep FOLDER]

Campaigns of 16 studies (4 pairs, 2 splits, gear and stl) are generated, in a folder and in an MLflow database of 180
metric rows a trial. Each command then runs in a process of its own: `report --no-log`, `status`, and `record`, which
finds that nothing lacks. Seconds of CPU time, start of Python included, and the largest resident memory.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gear.command_line import Parser

COMMANDS = {
    "report": ("report", "--no-log", "--campaign", "NAME", "--to", "HERE/report.html", "--tracking-uri", "URI"),
    "status": ("status", "NAME", "--storage", "HERE"),
    "record": ("record", "NAME", "--storage", "HERE", "--tracking-uri", "URI"),
}
MEASURED = r"""
import json, os, re, time
from search.cli.main import main
code = main()
peak = int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]) / 1024
own = {"cpu": time.process_time(), "peak": peak, "code": code}
open(os.environ["BENCH_TO"], "w").write(json.dumps(own))
"""
TABLES = ("runs", "tags", "params", "metrics")


def measured(command: str, name: str, here: Path) -> dict[str, float]:
    """CPU seconds and peak MB of a command."""
    words = [
        word.replace("NAME", name).replace("HERE", str(here)).replace("URI", f"sqlite:///{here}/mlflow.db")
        for word in COMMANDS[command]
    ]
    to = here / "measured.json"
    subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"BENCH_TO": str(to), "OMP_NUM_THREADS": "1"},
    )
    found: dict[str, float] = json.loads(to.read_text())
    assert not found["code"], f"{command} ended with {found['code']}"
    return found


def counts(here: Path) -> list[int]:
    """Rows of MLflow's tables."""
    with sqlite3.connect(here / "mlflow.db") as database:
        return [database.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES]


def main() -> None:
    parser = Parser()
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--keep", type=Path, help="make the campaigns there and use those that it has")
    args = parser.parse_args()
    from large_campaign import events_of, plan_of, write_database, write_folder

    with tempfile.TemporaryDirectory() as scratch:
        for trials in args.trials:
            here, plan = (args.keep or Path(scratch)) / str(trials), plan_of(trials)
            start = time.perf_counter()
            if not (here / "made").exists():
                here.mkdir(parents=True)
                events = events_of(plan, trials)
                write_folder(here, plan, events)
                write_database(f"sqlite:///{here}/mlflow.db", plan, events)
                (here / "made").touch()
            before = counts(here)
            print(f"{trials} trials, {before[-1]:,} metric rows, made in {time.perf_counter() - start:.0f} s")
            for command in COMMANDS:
                found = measured(command, plan.name, here)
                print(f"  {command}: CPU {found['cpu']:.1f} s, {found['peak']:.0f} MB", flush=True)
            if counts(here) != before:
                print(f"  record changed {TABLES} from {before} to {counts(here)}")


if __name__ == "__main__":
    main()
