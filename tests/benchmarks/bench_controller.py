"""What the driver spends on a trial besides its sampler, and what the sampler spends, as a campaign grows.

    python tests/benchmarks/bench_controller.py [--sizes 100 1000 10000] [--samplers random tpe] [--window 60]

One study of GEAR, 8 trials at once, of 9 epochs with early stopping, with curves in closed form: everything that is
decided and kept, without Ray, files and training. A campaign of random trials is grown to each size, then the sampler
proposes the next ones. Medians over these, a trial; the collector of garbage rests, since what it costs is the
process's. GP is left out by default: it takes seconds a proposal.
"""

import argparse
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gear.config import TrainingConfig, TrialConfig
from search.campaign import Campaign, Job
from search.events import Event
from search.plan import SAMPLERS, CampaignPlan, SamplerName, SearchSettings, expand_pairs
from search.row import Row
from search.simulator import Simulation

EPOCHS, SLOTS = 9, 8


def rows(job: Job) -> Iterator[Row]:
    """A curve that falls to a floor set by the learning rate and the seed."""
    config = job.spec.config
    floor = 0.3 + abs(math.log10(config.training.learning_rate / 2e-3)) + config.seed % 97 / 1000
    for epoch in range(1, EPOCHS + 1):
        value = floor + math.exp(-epoch / 5)
        yield Row("complete" if epoch == EPOCHS else "running", "", epoch, {"best_validation_rmse": value})


def plan(sampler: SamplerName, trials: int) -> CampaignPlan:
    return CampaignPlan(
        name="bench",
        preset="quick",
        pairs=expand_pairs(["hv_from_ds"]),
        splits=("random",),
        methods=("gear",),
        search=SearchSettings(trials=trials, sampler=sampler, grace_period=2),
        config=TrialConfig(training=TrainingConfig(epochs=EPOCHS)),
    )


class Stopwatch:
    """Adds up the time of a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, *args: Any) -> Any:
        start = time.perf_counter()
        try:
            return self.function(*args)
        finally:
            self.seconds += time.perf_counter() - start


def grown(sizes: Sequence[int]) -> list[Event]:
    """The events of a campaign of as many random trials as the largest size."""
    events: list[Event] = []
    campaign = Campaign(plan("random", max(sizes)), lambda *new: events.extend(new))
    Simulation(campaign, rows, SLOTS).run()
    return events


def first(events: Sequence[Event], trials: int) -> list[Event]:
    return [event for event in events if event.number < trials]


def measure(sampler: SamplerName, before: Sequence[Event], trials: int, window: int) -> tuple[float, float]:
    """Median milliseconds of controller and of sampler, a trial."""
    campaign = Campaign(plan(sampler, trials + window), events=before)
    decide = [Stopwatch(campaign.next_job), Stopwatch(campaign.report)]
    campaign.next_job, campaign.report = decide  # type: ignore[method-assign, assignment]
    (proposer,) = campaign._proposers.values()
    propose = proposer.propose = Stopwatch(proposer.propose)  # type: ignore[method-assign, assignment]
    simulation, found, before_all, before_sampler = Simulation(campaign, rows, 1), [], 0.0, 0.0
    for _ in range(window):
        simulation.fill()
        while simulation.running:
            simulation.turn(next(iter(simulation.running)))
        everything = sum(watch.seconds for watch in decide)
        sampling = propose.seconds - before_sampler
        found.append((everything - before_all - sampling, sampling))
        before_all, before_sampler = everything, propose.seconds
    controller, own = zip(*found, strict=True)
    return 1000 * statistics.median(controller), 1000 * statistics.median(own)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=["random", "tpe"])
    parser.add_argument("--window", type=int, default=60)
    args = parser.parse_args()
    start = time.perf_counter()
    events = grown(args.sizes)
    print(f"{max(args.sizes)} random trials simulated in {time.perf_counter() - start:.1f} s")
    print("sampler    trials   controller ms/trial   to the first   sampler ms/trial")
    gc.disable()
    for sampler in args.samplers:
        base = None
        for size in args.sizes:
            window = args.window if sampler == "random" else max(15, args.window * 100 // size)
            controller, own = measure(sampler, first(events, size), size, window)
            base = base or controller
            print(f"{sampler:8} {size:8} {controller:21.3f} {controller / base:14.2f} {own:18.1f}")


if __name__ == "__main__":
    main()
