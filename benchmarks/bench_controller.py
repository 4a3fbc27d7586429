"""What the driver spends on a trial besides its sampler, and what the sampler spends, as a campaign grows.

    python benchmarks/bench_controller.py [--sizes 100 1000 10000] [--samplers random tpe] [--window 40]

One study of GEAR, of 9 epochs with early stopping, with curves in closed form: everything that is decided and kept,
without Ray, files and training. A campaign of random trials is grown to each size, then the sampler proposes the next
ones. CPU milliseconds a trial: medians of these trials, the quartiles beside them. The peer is Optuna's own sampler,
made afresh for each proposal in the place of ours on the same trials; both propose the same. The collector of garbage
rests, since what it costs is the process's. GP is left out by default: it takes seconds a proposal.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import optuna
from search_runs import plan_of, value_of

from gear.command_line import Parser
from gear.config import TrainingConfig
from search.campaign.campaign import Campaign, Job
from search.campaign.events import Event
from search.campaign.samplers import SAMPLERS
from search.campaign.trial_report import TrialReport
from search.plan.campaign_plan import CampaignPlan
from search.plan.settings import SearchSettings
from search.simulation.simulator import Simulation

EPOCHS, SLOTS = 9, 8
GRACE_STEPS = 2 * TrainingConfig().epoch_steps
MANY = 5000  # trials from which fewer are measured


def rows(job: Job) -> Iterator[TrialReport]:
    for epoch in range(1, EPOCHS + 1):
        value = value_of(job.spec.config, epoch)
        yield TrialReport("complete" if epoch == EPOCHS else "running", "", epoch, {"best_validation_rmse": value})


def plan(sampler: str, trials: int) -> CampaignPlan:
    return plan_of("bench", EPOCHS, SearchSettings(trials=trials, sampler=sampler, grace_steps=GRACE_STEPS))


class OptunasTPE(optuna.samplers.TPESampler):
    """Ours, as Optuna has it."""

    learns_from = ("complete", "pruned")

    def __init__(self, seed: int) -> None:
        super().__init__(n_startup_trials=1, multivariate=True, seed=seed)


class OptunasGP(optuna.samplers.GPSampler):
    """Ours, as Optuna has it."""

    learns_from = ("complete",)

    def __init__(self, seed: int) -> None:
        super().__init__(n_startup_trials=1, seed=seed)


PEERS = {"tpe": "bench_controller:OptunasTPE", "gp": "bench_controller:OptunasGP"}


class Stopwatch:
    """Adds up the time of a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, *args: Any) -> Any:
        start = time.process_time()
        try:
            return self.function(*args)
        finally:
            self.seconds += time.process_time() - start


def grown(sizes: Sequence[int]) -> list[Event]:
    """The events of a campaign of as many random trials as the largest size."""
    events: list[Event] = []
    campaign = Campaign(plan("random", max(sizes)), lambda *new: events.extend(new))
    Simulation(campaign, rows, SLOTS).run()
    return events


def first(events: Sequence[Event], trials: int) -> list[Event]:
    return [event for event in events if event.number < trials]


def measure(
    sampler: str, before: Sequence[Event], trials: int, window: int
) -> tuple[list[float], list[float], list[Any]]:
    """Milliseconds of controller and of sampler, and what was proposed, trial by trial."""
    campaign = Campaign(plan(sampler, trials + window + 1), events=before)
    decide = [Stopwatch(campaign.next_job), Stopwatch(campaign.report)]
    campaign.next_job, campaign.report = decide  # type: ignore[method-assign, assignment]
    (proposer,) = campaign.asking._proposers.values()
    propose = proposer.propose = Stopwatch(proposer.propose)  # type: ignore[method-assign, assignment]
    simulation, found, before_all, before_sampler = Simulation(campaign, rows, 1), [], 0.0, 0.0
    for _ in range(window + 1):
        simulation.fill()
        while simulation.running:
            simulation.turn(next(iter(simulation.running)))
        everything = sum(watch.seconds for watch in decide)
        sampling = propose.seconds - before_sampler
        found.append((1000 * (everything - before_all - sampling), 1000 * sampling))
        before_all, before_sampler = everything, propose.seconds
    controller, own = zip(*found[1:], strict=True)  # the first one catches up with all that was recorded
    (study,) = campaign.studies.values()
    return list(controller), list(own), [trial.params for trial in study.trials]


def spread(values: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f}..{high:.2f})"


def main() -> None:
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000], help="trials before")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=["random", "tpe"], help="to measure")
    parser.add_argument("--window", type=int, default=40, help="trials measured at each size (default: 40)")
    args = parser.parse_args()
    start = time.perf_counter()
    events = grown(args.sizes)
    print(f"{max(args.sizes)} random trials simulated in {time.perf_counter() - start:.1f} s")
    print("sampler   trials   controller ms/trial       to the first   sampler ms/trial         Optuna's own    ratio")
    gc.disable()
    for sampler in args.samplers:
        base = None
        for size in args.sizes:
            before = first(events, size)
            window = args.window if size < MANY else args.window // 2
            controller, own, proposed = measure(sampler, before, size, window)
            ours, SAMPLERS[sampler] = SAMPLERS[sampler], PEERS.get(sampler, SAMPLERS[sampler])
            _, theirs, same = measure(sampler, before, size, window)
            SAMPLERS[sampler] = ours
            assert proposed == same
            base = base or statistics.median(controller)
            growth = statistics.median(controller) / base
            peer = f"{spread(theirs):>25} {statistics.median(theirs) / statistics.median(own):6.2f}"
            print(
                f"{sampler:8} {size:7}   {spread(controller):22} {growth:12.2f}   {spread(own):22}"
                f"{peer if sampler != 'random' else ''}"
            )


if __name__ == "__main__":
    main()
