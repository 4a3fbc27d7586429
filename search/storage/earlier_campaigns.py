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

    A campaign that had the new study's target counts only if it split its molecules in the same way: otherwise it chose
    configurations on molecules that the new study may be tested on, and handed them on from study to study.

    Raises:
        StorageError: there is no such campaign, or it is damaged.
    """
    found: dict[str, list[Study]] = {study.name: [] for study in plan.studies}
    for name in plan.search.earlier_campaigns:
        head = read_campaign(storage / name)
        campaign = Campaign(plan_in(storage / name, head), events=read_events(storage / name))
        targets = {study.plan.pair.target for study in campaign.studies.values()}
        usable = [
            mine.name
            for mine in plan.studies
            if mine.pair.target not in targets or _hash(head["data"], mine) == _hash(data, mine)
        ]
        for study in campaign.studies.values():
            for trial in study.ranking:
                trial.study = f"{name}/{study.name}"
            for mine in usable:
                found[mine].append(study)
    return found


def _hash(data: DataFacts, study: StudyPlan) -> str | None:
    """That of the split of a study's pair; None where a campaign did not have it."""
    return data.get(f"{study.pair.id}.{study.split}", {}).get("split_hash")
