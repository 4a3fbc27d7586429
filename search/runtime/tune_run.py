"""Runs a campaign: one Tune experiment over its remaining work. The only place that calls Tune."""

import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ray import tune
from ray.tune.experiment import Trial

from search.campaign.campaign import Campaign
from search.runtime.deferred_error import FaultKeeper
from search.runtime.ray_patches import mend
from search.runtime.trainable import RunFactory, make_trainable, training_run
from search.runtime.tune_scheduler import CampaignScheduler
from search.runtime.tune_searcher import CampaignSearcher
from search.storage.campaign_store import CampaignStore

__all__ = ["Launch", "Outcome", "run_search"]

Outcome = Literal["done", "out of time", "interrupted"]


@dataclass(frozen=True, slots=True)
class Launch:
    """How this launch runs, as opposed to what the campaign is. `limit`: of trials handed out, as it is now."""

    limit: Callable[[], int]
    time_budget: float | None = None  # seconds


def run_search(campaign: Campaign, store: CampaignStore, launch: Launch, factory: RunFactory = training_run) -> Outcome:
    """Run what is left of a campaign on the connected Ray.

    A new Tune experiment every time. What Tune itself writes is never read: it goes to a scratch folder of this
    machine, which no other has to see, since trials hand no checkpoint to Tune.

    Raises:
        GearError: the campaign folder can no longer be written.
    """
    mend()
    faults, started = FaultKeeper(), time.monotonic()
    with _quiet_tune(), tempfile.TemporaryDirectory(prefix="gear-tune-", ignore_cleanup_errors=True) as scratch:
        try:
            _tuner(campaign, store, launch, faults, factory, scratch).fit()
        except KeyboardInterrupt:
            return "interrupted"
    faults.raise_first()
    if campaign.done:
        return "done"
    out_of_time = launch.time_budget is not None and time.monotonic() - started >= launch.time_budget
    return "out of time" if out_of_time else "interrupted"


def _tuner(
    campaign: Campaign, store: CampaignStore, launch: Launch, faults: FaultKeeper, factory: RunFactory, scratch: str
) -> tune.Tuner:
    search = campaign.plan.search
    folder = store.folder.resolved()
    trainable = tune.with_parameters(make_trainable(folder, search, factory), credentials=folder.credentials())
    again = search.finalists * search.finalist_seeds + search.refit_seeds
    most_trials = len(campaign.studies) * (search.trials + search.replacements + again) * search.attempts
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": search.cpus_per_trial, "gpu": search.gpus_per_trial}),
        tune_config=tune.TuneConfig(
            search_alg=CampaignSearcher(campaign, faults, launch.limit),
            scheduler=CampaignScheduler(campaign, faults, store),
            num_samples=most_trials,
            max_concurrent_trials=most_trials,  # or Tune starts one by one; the searcher keeps to the limit
            time_budget_s=launch.time_budget,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=scratch,
            failure_config=tune.FailureConfig(max_failures=0),  # the campaign hands a lost trial out again itself
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials write their own
            verbose=0,
        ),
    )


def _trial_name(trial: Trial) -> str:
    job = trial.config
    return f"{job['study']}-{job['number']}-{job['attempt']}"


@contextmanager
def _quiet_tune() -> Iterator[None]:
    """Without Tune's own lines for the length of a block: they say less than the progress table, in the same place."""
    loggers = [logging.getLogger(name) for name in ("ray.tune", "ray.air", "ray.train")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="ray")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
