"""How much of the slots' time trials use, in a campaign of uneven studies: one campaign, and a campaign a study.

    python benchmarks/bench_busy.py [--slots 8] [--trials 8] [--shortest 0.1] [--longest 1.0] [--peer-studies 4]

46 studies (23 pairs, both splits) of trials of up to 9 epochs with early stopping, on a local Ray of 8 logical slots.
An epoch sleeps; how long is the study's, from `--shortest` to `--longest` seconds in equal ratios, without order. The
busy share is the time slept over the time of all slots, as long as at least as many trials are left to start as there
are slots: from the moment that every slot has reported an epoch, and from the launch on, which adds the start of the
workers.

The peer runs a campaign a study, one after the other, as one would with a Tuner a study; since it takes long, on
`--peer-studies` of them, evenly spread over the lengths. Its share is from launch to end, as is ours beside it. Below
it what it could reach at best: the same trials study by study, if workers started and took over in no time.
"""

import argparse
import dataclasses
import functools
import heapq
import logging
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from search_runs import SleepingRun, local_ray, plan_of, run_campaign

from gear.command_line import Parser
from gear.config import TrainingConfig, TrialSpec
from gear.data import PAIRS
from search.campaign.events import EpochReported, Event, TrialAsked, TrialEnded
from search.plan.campaign_plan import CampaignPlan, stable_seed
from search.plan.settings import SearchSettings

EPOCHS = 9
SPLITS = ("random", "scaffold")


def seconds(spec: TrialSpec, shortest: float, longest: float) -> float:
    """Of an epoch of the trial's study."""
    studies = sorted(((pair, split) for pair in PAIRS for split in SPLITS), key=lambda study: stable_seed(*study))
    rank = studies.index((spec.pair.id, spec.split)) / (len(studies) - 1)
    return shortest * (longest / shortest) ** rank


@dataclass
class Watch:
    """Adds up the work of a campaign as it is reported.

    Attributes:
        work: seconds of epochs, by study and trial.
        reporting: running trials that have reported.
        up: when there was one of these on every slot, and the work until then.
        full: when fewer trials were left to start than there are slots, and the work until then.
    """

    trials: int
    slots: int
    launched: float = field(default_factory=time.perf_counter)
    work: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    reporting: set[tuple[str, int]] = field(default_factory=set)
    up: tuple[float, float] | None = None
    full: tuple[float, float] | None = None
    asked: int = 0

    def __call__(self, *events: Event) -> None:
        for event in events:
            match event:
                case TrialAsked():
                    self.asked += 1
                    if self.full is None and self.trials - self.asked < self.slots:
                        self.full = time.perf_counter(), self.total
                case EpochReported():
                    self.work[event.study][event.number] += event.metrics["seconds"]
                    self.reporting.add((event.study, event.number))
                    if self.up is None and len(self.reporting) == self.slots:
                        self.up = time.perf_counter(), self.total
                case TrialEnded():
                    self.reporting.discard((event.study, event.number))

    @property
    def total(self) -> float:
        return sum(trials.total() for trials in self.work.values())

    def share(self, since: tuple[float, float], until: tuple[float, float]) -> float:
        return (until[1] - since[1]) / (self.slots * (until[0] - since[0]))


def run(plan: CampaignPlan, args: argparse.Namespace, folder: Path) -> Watch:
    watch = Watch(len(plan.studies) * plan.search.trials, args.slots)
    pace = functools.partial(seconds, shortest=args.shortest, longest=args.longest)
    run_campaign(plan, functools.partial(SleepingRun, seconds=pace), folder, args.slots, watch)
    return watch


def main() -> None:
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slots", type=int, default=8, help="trials at once (default: 8)")
    parser.add_argument("--trials", type=int, default=8, help="a study (default: 8)")
    parser.add_argument("--shortest", type=float, default=0.1, help="epoch, seconds (default: 0.1)")
    parser.add_argument("--longest", type=float, default=1.0, help="epoch, seconds (default: 1.0)")
    parser.add_argument("--peer-studies", type=int, default=4, help="studies that the peer runs (default: 4)")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    plan = plan_of(
        "all", EPOCHS, SearchSettings(trials=args.trials, grace_steps=2 * TrainingConfig().epoch_steps), PAIRS, SPLITS
    )
    with tempfile.TemporaryDirectory() as folder, local_ray(args.slots):
        watch = run(plan, args, Path(folder))
        launch, end = (watch.launched, 0.0), (time.perf_counter(), watch.total)
        full, up = watch.full or end, watch.up or end
        print(f"{len(plan.studies)} studies, {watch.asked} trials, {watch.total:.0f} s of epochs")
        print(f"up to {args.slots} trials left to start, all slots up   {watch.share(up, full):.1%}")
        print(f"up to {args.slots} trials left to start, from launch    {watch.share(launch, full):.1%}")
        whole = watch.share(launch, end)
        print(f"from launch to end, {end[0] - launch[0]:.0f} s                 {whole:.1%}")
        for name, found in {
            f"a campaign a study, {args.peer_studies} of them": peer(plan, args, Path(folder)),
            "a campaign a study, at best": watch.total / (args.slots * at_best(watch)),
        }.items():
            print(f"{name:38} {found:.1%}, ours {whole / found:.2f} times that")


def peer(plan: CampaignPlan, args: argparse.Namespace, folder: Path) -> float:
    """Busy share of one campaign a study, one after the other."""
    start, work = time.perf_counter(), 0.0
    studies = sorted(plan.studies, key=lambda study: stable_seed(study.pair.id, study.split))
    for study in studies[len(studies) // args.peer_studies // 2 :: len(studies) // args.peer_studies]:
        alone = dataclasses.replace(plan, name=study.name, pairs=(study.pair,), splits=(study.split,))
        work += run(alone, args, folder).total
    return work / (args.slots * (time.perf_counter() - start))


def at_best(watch: Watch) -> float:
    """Seconds of the trials study by study, each on the slot that is free first."""
    total = 0.0
    for trials in watch.work.values():
        free = [0.0] * watch.slots
        for _, seconds in sorted(trials.items()):
            heapq.heapreplace(free, free[0] + seconds)
        total += max(free)
    return total


if __name__ == "__main__":
    main()
