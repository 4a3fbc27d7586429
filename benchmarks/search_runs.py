"""Campaigns on a local Ray whose trials sleep instead of training, for the benchmarks of the search."""

import functools
import importlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gear.config import TrainingConfig, TrialConfig, TrialSpec
from gear.results import EpochResult
from gear.training.side_by_side import SideBySide
from search.campaign.campaign import Campaign
from search.plan.campaign_plan import CampaignPlan, expand_pairs
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.plan.settings import SearchSettings
from search.runtime import connection, resources
from search.runtime.tune_run import Launch, run_search
from search.storage.campaign_store import CampaignStore
from search.storage.checkpoint_cleanup import CheckpointCleanup
from search.storage.local import LocalPath


class SleepingRun:
    """Sleeps through its epochs; its curve falls towards a floor set by the configuration.

    Args:
        spec: of the trial.
        seconds: of an epoch of such a trial.
        imports: modules to import before the first epoch, as training would.
    """

    def __init__(self, spec: TrialSpec, seconds: Callable[[TrialSpec], float], imports: Sequence[str] = ()) -> None:
        self.spec, self.seconds, self.imports, self.epoch = spec, seconds(spec), imports, 0

    def epochs(self) -> Iterator[EpochResult]:
        for name in self.imports:
            importlib.import_module(name)
        while self.epoch < (last := self.spec.config.training.epochs):
            start = time.perf_counter()
            time.sleep(self.seconds)
            self.epoch += 1
            value, took = value_of(self.spec.config, self.epoch), time.perf_counter() - start
            status = "complete" if self.epoch == last else "running"
            yield EpochResult(self.epoch, value, value, self.epoch, {}, {}, took, 0.0, 0.0, 0, 0.0, status=status)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(json.dumps({"epoch": self.epoch}))

    def restore(self, folder: Path) -> None:
        self.epoch = json.loads((folder / "state.json").read_text())["epoch"]


def value_of(config: TrialConfig, epoch: int) -> float:
    """A curve that falls to a floor set by the learning rate and the seed."""
    floor = 0.3 + abs(math.log10(config.training.learning_rate / 2e-3)) + config.seed % 97 / 1000
    return floor + math.exp(-epoch / 5)


def plan_of(
    name: str,
    epochs: int,
    search: SearchSettings,
    pairs: Sequence[str] = ("hv_from_ds",),
    splits: Sequence[str] = ("random",),
) -> CampaignPlan:
    """A campaign of GEAR."""
    return CampaignPlan(
        name=name,
        preset="quick",
        pairs=expand_pairs(pairs),
        splits=tuple(splits),
        methods=("gear",),
        search=search,
        config=TrialConfig(training=TrainingConfig(epochs=epochs)),
    )


def local_ray(slots: int) -> AbstractContextManager[None]:
    """A Ray that believes this machine to have so many cores."""
    resources.machine_cpus = lambda: slots
    return connection.connected(None)


def each(factory: Callable[[TrialSpec], SleepingRun], specs: Sequence[TrialSpec]) -> SideBySide:
    """The runs of several trials."""
    return SideBySide([factory(spec) for spec in specs])


def run_campaign(
    plan: CampaignPlan, factory: Callable[[TrialSpec], SleepingRun], folder: Path, slots: int, *listeners: Callable
) -> None:
    """The campaign from its first trial to its last, on the connected Ray."""
    head, place = {"plan": plan_to_dict(plan)}, LocalPath(folder / plan.name)
    with CampaignStore.create(place, head, plan_to_toml(plan)) as store:
        campaign = Campaign(plan, store.append)
        campaign.listeners += [CheckpointCleanup(campaign, store), *listeners]
        run_search(campaign, store, Launch(lambda: slots), functools.partial(each, factory))
