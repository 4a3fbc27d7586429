"""A campaign as it is recorded in its folder at one moment, whether or not a driver works on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gear.errors import InputDataError
from search.campaign.campaign import Campaign
from search.plan.campaign_plan import CampaignPlan
from search.storage.base import StoragePath
from search.storage.campaign_store import plan_in, read_campaign, read_events
from search.storage.lease import Holder, read_lease

__all__ = ["Snapshot", "recorded_plan", "take_snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign as it is recorded in its folder at one moment."""

    campaign: Campaign
    head: Mapping[str, Any]
    holder: Holder | None

    @property
    def driven(self) -> bool:
        """Whether a driver works on the campaign."""
        return self.holder is not None and self.holder.alive

    @property
    def over(self) -> bool:
        """Whether all trials have ended and no driver works on the campaign."""
        return self.campaign.done and not self.driven


def take_snapshot(folder: StoragePath) -> Snapshot:
    """Read a campaign folder, which a driver may be writing.

    Raises:
        StorageError: there is no campaign, or it is damaged.
    """
    head, holder = read_campaign(folder), read_lease(folder)
    return Snapshot(Campaign(plan_in(folder, head), events=read_events(folder)), head, holder)


def recorded_plan(storage: StoragePath, name: str) -> CampaignPlan:
    """The plan of a campaign as it was recorded.

    Args:
        storage: of all campaigns.
        name: of the campaign, which is that of its folder.

    Raises:
        InputDataError: the name is a path.
        StorageError: there is no such campaign.
    """
    plan = plan_in(storage / name, read_campaign(storage / name))
    if plan.name != name:
        raise InputDataError(f"--name {name}: give the name of a folder in {storage}, or another --storage")
    return plan
