"""Drives a campaign of fake runs: `python -m tests.support.drive PLACE RUN TRIALS [ADDRESS]`, default a local Ray.

Stands in for `search.run`, which does the same with data, training and tracking around it; so that a test can kill it.
"""

import functools
import sys

from search.campaign.campaign import Campaign
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.runtime import connection, resources
from search.runtime.tune_run import Launch, run_search
from search.storage.campaign_store import CampaignStore
from search.storage.checkpoint_cleanup import CheckpointCleanup
from search.storage.locate import open_folder
from tests.support import fake_training


def drive(folder, factory, plan, time_budget=None, address=None, listeners=()):
    """One launch; returns the campaign and how it went."""
    if (folder / "campaign.json").exists():
        opened = CampaignStore.resume(folder)
    else:
        opened = CampaignStore.create(folder, {"plan": plan_to_dict(plan)}, plan_to_toml(plan))
    with connection.connected(address), opened as store:
        slots = resources.Slots(plan.search, grows=address is not None)
        campaign = Campaign(plan, store.append, store.events())
        campaign.listeners += [CheckpointCleanup(campaign, store), *listeners]
        return campaign, run_search(
            campaign, store, Launch(slots.limit, time_budget), functools.partial(fake_training.each, factory)
        )


if __name__ == "__main__":
    resources.machine_cpus = lambda: 2
    folder, run, trials, address = *sys.argv[1:4], next(iter(sys.argv[4:]), None)
    campaign, outcome = drive(
        open_folder(folder), getattr(fake_training, run), fake_training.small_plan(trials=int(trials)), address=address
    )
    print(outcome)
    sys.exit(0 if outcome == "done" else 130)
