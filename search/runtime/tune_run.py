"""Runs what is left of a campaign as one Tune experiment."""

import logging
import signal
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
from search.runtime.deferred_error import DeferredErrors
from search.runtime.ray_internals import apply_patches
from search.runtime.signals import handlers_put_back
from search.runtime.trainable import RunFactory, make_trainable, training_runs
from search.runtime.tune_scheduler import CampaignScheduler
from search.runtime.tune_searcher import CampaignSearcher
from search.storage.campaign_store import CampaignStore

__all__ = ["Launch", "Outcome", "run_search"]

Outcome = Literal["done", "out of time", "interrupted"]


@dataclass(frozen=True, slots=True)
class Launch:
    """How this launch runs, as opposed to what the campaign searches.

    Attributes:
        limit: gives the number of trials that may be submitted and not ended at this moment.
        time_budget: seconds, not negative; None for no limit.
    """

    limit: Callable[[], int]
    time_budget: float | None = None


def run_search(
    campaign: Campaign, store: CampaignStore, launch: Launch, factory: RunFactory = training_runs
) -> Outcome:
    """Run what is left of a campaign on the connected Ray.

    Each call is a new Tune experiment. The files of Tune are never read: they are written to a temporary folder of this
    machine, which no other node has to see, since trials do not give their checkpoints to Tune.

    Raises:
        GearError: the campaign folder can no longer be written.
    """
    if launch.time_budget == 0:  # which Tune would take for no limit
        return "out of time"
    apply_patches()
    errors, started = DeferredErrors(), time.monotonic()
    with (
        _quiet_tune(),
        handlers_put_back(signal.SIGINT, signal.SIGUSR1),
        tempfile.TemporaryDirectory(prefix="gear-tune-", ignore_cleanup_errors=True) as scratch,
    ):
        try:
            _tuner(campaign, store, launch, errors, factory, scratch).fit()
        except KeyboardInterrupt:
            return "interrupted"
    errors.raise_first()
    if campaign.done:
        return "done"
    out_of_time = launch.time_budget is not None and time.monotonic() - started >= launch.time_budget
    return "out of time" if out_of_time else "interrupted"


def _tuner(
    campaign: Campaign, store: CampaignStore, launch: Launch, errors: DeferredErrors, factory: RunFactory, scratch: str
) -> tune.Tuner:
    search = campaign.plan.search
    trainable = make_trainable(store.folder.resolved(), search, factory)
    again = search.finalists * search.finalist_seeds + (2 + search.blend_candidates) * search.refit_seeds
    max_trials = len(campaign.studies) * (search.trials + search.replacements + again) * search.attempts
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": search.cpus_per_trial, "gpu": search.gpus_per_trial}),
        tune_config=tune.TuneConfig(
            search_alg=CampaignSearcher(campaign, errors, launch.limit),
            scheduler=CampaignScheduler(campaign, errors, store),
            num_samples=max_trials,
            max_concurrent_trials=max_trials,  # otherwise Tune starts one by one; the searcher keeps to the limit
            time_budget_s=launch.time_budget,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=scratch,
            failure_config=tune.FailureConfig(max_failures=0),  # the campaign itself submits a lost trial again
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials write their own checkpoints
            verbose=0,
        ),
    )


def _trial_name(trial: Trial) -> str:
    job = trial.config["jobs"][0]
    return f"{job['study']}-{job['number']}-{job['attempt']}"


@contextmanager
def _quiet_tune() -> Iterator[None]:
    """Silence Tune's output, which says less than the progress table and disturbs it, for the length of a block."""
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
