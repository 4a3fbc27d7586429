"""Training without training: learning curves in closed form, so that a campaign takes seconds."""

import dataclasses
import json
import math
import os
import signal
import time
from pathlib import Path

from gear.config import TrainingConfig, TrialConfig
from gear.results import EpochResult
from gear.training.side_by_side import SideBySide
from search.campaign.campaign import Campaign
from search.campaign.trial_report import TrialReport
from search.plan.campaign_plan import CampaignPlan, expand_pairs
from search.plan.settings import SearchSettings
from search.simulation import simulator


@dataclasses.dataclass(frozen=True)
class FakeEpoch:
    epoch: int
    best_validation_rmse: float
    status: str = "running"
    reason: str = ""

    def metrics(self):
        value = self.best_validation_rmse
        return EpochResult(self.epoch, value, value, self.epoch, {}, {}, 0.0, 0.0, 0.0, 0, 0.0).metrics()


class FakeRun:
    """A curve that falls towards a floor set by the configuration; same configuration and seed, same curve."""

    def __init__(self, spec, pause=0.0):
        self.spec, self.pause, self.epoch = spec, pause, 0

    def value(self, epoch):
        config = self.spec.config
        floor = 0.3 + abs(math.log10(config.training.learning_rate / 2e-3)) + config.seed % 97 / 1000
        return floor + math.exp(-epoch / 5)

    def epochs(self):
        while self.epoch < self.spec.config.training.epochs:
            time.sleep(self.pause)
            self.epoch += 1
            last = self.epoch == self.spec.config.training.epochs
            yield self.result(*(("complete", "last epoch") if last else ("running", "")))

    def result(self, status, reason):
        return FakeEpoch(self.epoch, self.value(self.epoch), status, reason)

    def save(self, folder: Path):
        draft = folder.with_name(f"draft-{folder.name}")
        draft.mkdir(parents=True)
        (draft / "state.json").write_text(json.dumps({"epoch": self.epoch}))
        draft.rename(folder)

    def restore(self, folder: Path):
        self.epoch = json.loads((folder / "state.json").read_text())["epoch"]


class SlowRun(FakeRun):
    """Slow enough to be interrupted."""

    def __init__(self, spec):
        super().__init__(spec, pause=0.15)


class DyingRun(FakeRun):
    """Kills its own worker in the fifth epoch, unless it has been restored."""

    def __init__(self, spec):
        super().__init__(spec)
        self.restored = False

    def restore(self, folder):
        super().restore(folder)
        self.restored = True

    def epochs(self):
        for result in super().epochs():
            if result.epoch == 5 and not self.restored:
                self.fail()
            yield result

    def fail(self):
        os.kill(os.getpid(), signal.SIGKILL)


class BrokenRun(FakeRun):
    """Raises in its second epoch."""

    def epochs(self):
        for result in super().epochs():
            if result.epoch == 2:
                raise RuntimeError("CUDA out of memory\nmany more lines")
            yield result


class HangingRun(DyingRun):
    """Sleeps for ever in its fifth epoch, unless it has been restored."""

    def fail(self):
        time.sleep(10_000)


class HungryRun(DyingRun):
    """Takes two gigabytes and more in its fifth epoch, unless it has been restored."""

    def fail(self):
        hoard = []
        for _ in range(40):
            hoard.append(b"x" * 2**26)
            time.sleep(0.1)
        time.sleep(10_000)


class CrashingRun(FakeRun):
    """Every third trial of a study kills its worker in its second epoch, whenever it is tried."""

    def epochs(self):
        for result in super().epochs():
            if result.epoch == 2 and self.spec.config.seed % 3 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            yield result


def small_plan(
    name="test", trials=8, epochs=9, pairs=("hv_from_ds",), splits=("random",), methods=("gear", "stl"), **search
):
    if "grace_period" in search:  # epochs are what a fake run counts
        search["grace_steps"] = search.pop("grace_period") * TrainingConfig().epoch_steps
    settings = {"startup_trials": 3, "grace_steps": 2 * TrainingConfig().epoch_steps} | search
    return CampaignPlan(
        name=name,
        preset="quick",
        pairs=expand_pairs(pairs),
        splits=tuple(splits),
        methods=tuple(methods),
        search=SearchSettings(trials=trials, **settings),
        config=TrialConfig(training=TrainingConfig(epochs=epochs)),
    )


def each(factory, specs):
    """The fake runs of several trials."""
    return SideBySide([factory(spec) for spec in specs])


class Simulation(simulator.Simulation):
    """Drives a campaign of fake runs.

    Args:
        plan: of the campaign.
        steps: recorded by an earlier launch, the events of each step together; this one adds to them.
        factory: of the runs.
        slots: trials at once.
        more: for the campaign.
    """

    def __init__(self, plan, steps=(), factory=FakeRun, slots=3, **more):
        self.steps = list(steps)
        self.jobs = []
        self.factory = factory
        campaign = Campaign(plan, lambda *events: self.steps.append(events), self.events, **more)
        super().__init__(campaign, self.begin, slots)

    @property
    def events(self):
        return [event for step in self.steps for event in step]

    def begin(self, job):
        self.jobs.append(job)
        run = self.factory(job.spec)
        if job.checkpoint is not None:
            run.epoch = int(job.checkpoint.rpartition("-")[2])
        return rows(job, run)


def recorded_search(plan, store):
    """A campaign whose trials are over, as its store holds it."""
    simulation = Simulation(plan)
    simulation.run()
    for step in simulation.steps:
        store.append(*step)
    return Campaign(plan, store.append, store.events())


def rows(job, run):
    """What a worker would report."""
    try:
        for result in run.epochs():
            checkpoint = f"{job.study}/{job.number}/epoch-{result.epoch}"
            yield TrialReport(result.status, result.reason, result.epoch, result.metrics(), checkpoint)
    except RuntimeError as error:
        yield TrialReport("failed", str(error))
