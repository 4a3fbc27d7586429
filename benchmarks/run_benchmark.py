"""The benchmark in pieces, each a campaign of its own: split seed after split seed, both parts of it.

    python benchmarks/run_benchmark.py cpu [--time-budget 4h]   # split seed 1
    python benchmarks/run_benchmark.py gpu                      # split seeds 1 to 3

One definition, the presets `benchmark` and `benchmark-all`, in two sizes. `gpu` is that of the presets. `cpu` is for
two cores: fewer trials, folds, epochs and split seeds and no fresh seeds, but every pair, split and method; and
`benchmark` is a campaign for each target, so that results come within the hour. Campaigns that have ended are left as
they are and others go on, so the same command again continues. Split seed 0 is what defaults were developed on.
What follows `--` goes to each `gear-search run`, for instance `-- --address auto`. When the time is over the search is
stopped as Ctrl-C stops it, so that no winner of an unfinished study is tested.

`--dry-run` prints what it takes.
"""

import itertools
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from gear.command_line import Parser, at_least
from gear.data.pair_names import PAIRS
from gear.errors import user_command
from search.campaign.leaderboard import standings
from search.cli.setting_flags import seconds
from search.storage.base import StoragePath
from search.storage.campaign_store import EXPORTS, is_taken
from search.storage.locate import DEFAULT_STORAGE, open_folder
from search.storage.snapshot import take_snapshot

PARTS = ("benchmark", "benchmark-all")
SEEDS = {"cpu": (1,), "gpu": (1, 2, 3)}
FLAGS = {
    "cpu": "--trials 3 --startup-trials 3 --pruner none --finalists 1 --validation-folds 2 --epochs 20 "
    "--checkpoint-every 20 --gpus-per-trial 0",
    "gpu": "",
}
ENDED = 0
PATIENCE = 60.0  # seconds after which a search is told again to stop


def commands(size: str, seeds: Sequence[int], more: Sequence[str]) -> Iterator[list[str]]:
    """The flags of `gear-search run` for each campaign, in order."""
    for seed in seeds:
        for piece, of_piece in pieces(size):
            again = ["--split-seed", str(seed), "--name", f"{piece}-{size}-{seed}", "--or-resume", "--yes"]
            yield [*of_piece, *shlex.split(FLAGS[size]), *again, *more]


def pieces(size: str) -> Iterator[tuple[str, list[str]]]:
    """The parts, `benchmark` in the CPU size target by target, and the flags that choose each."""
    for part in PARTS:
        if (size, part) != ("cpu", "benchmark"):
            yield part, ["--preset", part]
            continue
        for target, pairs in itertools.groupby(PAIRS, key=lambda pair: pair.partition("_from_")[0]):
            yield f"{part}-{target}", ["--preset", part, "--pairs", *pairs]


def is_delivered(folder: StoragePath) -> bool:
    """Whether a campaign has ended and all that it tested is exported."""
    if not is_taken(folder):
        return False
    campaign = take_snapshot(folder).campaign
    tested = [row.study for row in standings(campaign) if row.test_rmse is not None]
    return campaign.done and bool(tested) and all((folder / EXPORTS / study).exists() for study in tested)


@user_command
def main() -> int:
    """Run what is missing; the exit code is that of the first search that failed or was stopped."""
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = Parser(description=__doc__)
    parser.add_argument("size", choices=sorted(FLAGS))
    parser.add_argument("--seeds", nargs="+", type=at_least(0), metavar="N", help="split seeds")
    parser.add_argument("--time-budget", type=seconds, metavar="T", help="stop after this time, for instance 45m or 4h")
    parser.add_argument("--storage", default=DEFAULT_STORAGE, help="folder or s3://BUCKET/PREFIX of the campaigns")
    parser.add_argument("--dry-run", action="store_true", help="print what each campaign takes, and start nothing")
    args = parser.parse_args(own)
    ends = None if args.time_budget is None else time.monotonic() + args.time_budget
    for flags in commands(args.size, args.seeds or SEEDS[args.size], ["--storage", args.storage, *more]):
        if is_delivered(open_folder(args.storage) / flags[flags.index("--name") + 1]):
            continue
        left = None if ends is None else ends - time.monotonic()
        if left is None or left > 0:
            print(shlex.join(["gear-search", "run", *flags]), flush=True)
            code = search([*flags, *(["--dry-run"] * args.dry_run)], left)
            if code == ENDED:
                continue
            if ends is None or time.monotonic() < ends:
                return code
        print("the time budget is used up; go on with the same command", flush=True)
        return ENDED
    return ENDED


def search(flags: Sequence[str], time_left: float | None) -> int:
    """Run one search, at most for some seconds, and return its exit code."""
    with subprocess.Popen([sys.executable, "-m", "search.run", *flags]) as running:
        before = signal.signal(signal.SIGTERM, lambda *_: running.terminate())
        try:
            while True:
                try:
                    return running.wait(time_left)
                except subprocess.TimeoutExpired:
                    running.terminate()
                except KeyboardInterrupt:  # the search has it, too
                    pass
                time_left = PATIENCE
        finally:
            signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
