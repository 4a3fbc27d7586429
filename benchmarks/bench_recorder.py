"""How long MLflow's record of a search takes, beside Ray's own callback, and what it costs the thread that drives it.

    python benchmarks/bench_recorder.py [--runs 1000] [--epochs 100] [--ray-runs 20]

Trials of GEAR's real configurations, every epoch with the numbers that a real one reports, 8 trials at once, each
told as fast as possible into an empty SQLite database. Ray's MLflowLoggerCallback gets the same trials, fewer of
them, one after the other, and its time is scaled. CPU time is the process's, the fairer one where others use the
machine. What the driving thread spends is measured on trials with epochs of a second, of which as many run as give 50
epochs a second, while the recorder writes.
"""

import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ray.air.integrations.mlflow import MLflowLoggerCallback

from gear.command_line import Parser
from gear.parsing import to_dict
from gear.results import EpochResult
from search.campaign.events import EpochReported, Event, TrialAsked, TrialEnded
from search.campaign.proposer import Proposer
from search.campaign.study import Study, Trial
from search.plan.campaign_plan import CampaignPlan, expand_pairs
from search.plan.settings import SearchSettings
from search.results.mlflow_records import MlflowRecords, story
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder

SLOTS, EVENTS_PER_SECOND, PACED_SECONDS = 8, 50, 20
STUDY = "hv_from_ds.random.gear"
HASHES = {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}}
TERMS = ("reg", "auto", "cons", "map", "metric", "curv", "total")
GEOMETRY = ("rho_mean", "rho_spread", "correlation", "participation_ratio")


def plan(runs: int) -> CampaignPlan:
    settings = SearchSettings(trials=runs, sampler="random")
    return CampaignPlan("bench", "quick", expand_pairs(["hv_from_ds"]), ("random",), ("gear",), settings)


def metrics(number: int, epoch: int) -> dict[str, float]:
    """The numbers of an epoch."""
    value = 0.3 + number % 97 / 1000 + 1 / epoch
    geometry = {name: value * epoch for name in GEOMETRY}
    losses = {term: value / (1 + place) for place, term in enumerate(TERMS)}
    validation = {"target": value**2, "source": value}
    row = EpochResult(epoch, value, value, epoch, losses, validation, 1.0, 9000.0, 0.0, 0, 900.0, geometry)
    return row.metrics()


def asked(campaign: CampaignPlan, runs: int) -> list[TrialAsked]:
    """Random trials of the real space."""
    (plan,) = campaign.studies
    proposer, study = Proposer("gear", campaign.config, campaign.search), Study(plan, runs, 0)
    for number in range(runs):
        found = proposer.propose(study)
        study.searched.append(Trial(STUDY, number, found.params, found.distributions, to_dict(found.config)))
    return [TrialAsked(STUDY, t.number, 0, t.params, t.distributions, t.config) for t in study.searched]


def events(trials: Sequence[TrialAsked], epochs: int, slots: int) -> Iterator[Event]:
    """Their lives, `slots` at once."""
    for start in range(0, len(trials), slots):
        together = trials[start : start + slots]
        yield from together
        for epoch in range(1, epochs + 1):
            for trial in together:
                yield EpochReported(STUDY, trial.number, 0, epoch, metrics(trial.number, epoch))
        for trial in together:
            yield TrialEnded(STUDY, trial.number, "complete", "last epoch", 0.3, epochs)


def taken(work: Callable[[], None]) -> np.ndarray:
    """Seconds and seconds of CPU time of a call."""
    start = time.perf_counter(), time.process_time()
    work()
    return np.subtract((time.perf_counter(), time.process_time()), start)


def ours(uri: str, campaign: CampaignPlan, trials: Sequence[TrialAsked], epochs: int) -> np.ndarray:
    """What it takes until everything is in MLflow."""
    happened: list[Event] = []
    with Recorder(uri, CampaignIdentity("ours")).start(lambda: story(campaign, HASHES, list(happened))) as recorder:
        recorder.flush()
        feed = MlflowRecords(recorder, campaign, HASHES)

        def tell() -> None:
            for event in events(trials, epochs, SLOTS):
                happened.append(event)
                feed(event)
            assert recorder.flush(math.inf)

        return taken(tell)


def rays(uri: str, trials: Sequence[TrialAsked], epochs: int) -> np.ndarray:
    """What Ray's callback takes of the controller for the same trials."""

    class Trial:
        def __init__(self, asked: TrialAsked) -> None:
            self.config = asked.config

    callback = MLflowLoggerCallback(tracking_uri=uri, experiment_name="rays")
    callback.setup()

    def tell() -> None:
        for trial in map(Trial, trials):
            callback.log_trial_start(trial)
            for epoch in range(1, epochs + 1):
                callback.log_trial_result(epoch, trial, {**metrics(0, epoch), "training_iteration": epoch})
            callback.log_trial_end(trial)

    return taken(tell)


def holding(uri: str, campaign: CampaignPlan, trials: Sequence[TrialAsked]) -> list[float]:
    """Seconds that telling an epoch takes of the driving thread, one after the other, while the recorder writes."""
    with Recorder(uri, CampaignIdentity("holding")).start(lambda: story(campaign, HASHES, trials)) as recorder:
        recorder.flush()
        feed, found = MlflowRecords(recorder, campaign, HASHES, trials), []
        told = itertools.product(range(1, PACED_SECONDS + 1), range(EVENTS_PER_SECOND))
        for epoch, number in told:
            event = EpochReported(STUDY, number, 0, epoch, metrics(number, epoch))
            start = time.perf_counter()
            feed(event)
            found.append(time.perf_counter() - start)
            time.sleep(max(0.0, 1 / EVENTS_PER_SECOND - found[-1]))
        return found


def main() -> None:
    parser = Parser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--ray-runs", type=int, default=20)
    args = parser.parse_args()
    campaign = plan(args.runs)
    trials = asked(campaign, max(args.runs, EVENTS_PER_SECOND))
    print(f"{len(metrics(0, 1))} metrics an epoch, {len(trials[0].params)} of the settings searched")
    with tempfile.TemporaryDirectory() as scratch:
        uris = [f"sqlite:///{Path(scratch) / name}.db" for name in ("ours", "rays", "holding")]
        for uri in uris:
            open_client(uri, create=True)
        took = holding(uris[2], campaign, trials[:EVENTS_PER_SECOND])
        mean, worst = statistics.mean(took), statistics.quantiles(took, n=100)[98]
        print(f"driving thread: {1e6 * mean:.0f} us an epoch told, {1e6 * worst:.0f} us at the 99th percentile")
        print(f"  {mean:.3%} of an epoch of 1 s")
        own = ours(uris[0], campaign, trials[: args.runs], args.epochs)
        print(f"recorder: {args.runs} runs of {args.epochs} epochs in {own[0]:.1f} s, CPU {own[1]:.1f} s")
        theirs = rays(uris[1], trials[: args.ray_runs], args.epochs) * args.runs / args.ray_runs
        print(f"Ray's MLflowLoggerCallback: {theirs[0]:.0f} s, CPU {theirs[1]:.0f} s, from {args.ray_runs} runs")
        print(f"  {theirs[0] / own[0]:.1f} times the recorder's, CPU {theirs[1] / own[1]:.1f} times")


if __name__ == "__main__":
    main()
