"""The studies of earlier campaigns (`--earlier-campaigns`) whose best configurations a new campaign may try."""

from collections.abc import Mapping, Sequence

from search.campaign.campaign import Campaign
from search.campaign.study import Study
from search.plan.campaign_plan import CampaignPlan, StudyPlan
from search.storage.base import StoragePath
from search.storage.campaign_store import plan_in, read_campaign, read_events

__all__ = ["Earlier", "earlier_studies"]

Earlier = Mapping[str, Sequence[Study]]  # for each study of the new campaign, the earlier ones that it may use
DataFacts = Mapping[str, Mapping[str, str]]  # of campaign.json


def earlier_studies(storage: StoragePath, plan: CampaignPlan, data: DataFacts) -> Earlier:
    """For each study of the plan, the studies of its `earlier_campaigns` whose best configurations it may try.

    A study of the same target counts only if its molecules were split in the same way: otherwise its best configuration
    was chosen on molecules that the new study may be tested on.

    Raises:
        StorageError: there is no such campaign, or it is damaged.
    """
    found: dict[str, list[Study]] = {study.name: [] for study in plan.studies}
    for name in plan.search.earlier_campaigns:
        head = read_campaign(storage / name)
        campaign = Campaign(plan_in(storage / name, head), events=read_events(storage / name))
        for study in campaign.studies.values():
            for trial in study.ranking:
                trial.study = f"{name}/{study.name}"
            split_hash = head["data"][_split(study.plan)]["split_hash"]
            for mine in plan.studies:
                same_target = mine.pair.target == study.plan.pair.target
                if not same_target or split_hash == data[_split(mine)]["split_hash"]:
                    found[mine.name].append(study)
    return found


def _split(study: StudyPlan) -> str:
    return f"{study.pair.id}.{study.split}"
