"""The studies of earlier campaigns (`--earlier-campaigns`) whose best configurations a new campaign may try."""

from collections.abc import Callable, Mapping, Sequence

from gear.config import TaskSpec
from gear.errors import GearError
from search.campaign.campaign import Campaign
from search.campaign.study import Study
from search.plan.campaign_plan import CampaignPlan, StudyPlan
from search.storage.base import StoragePath
from search.storage.campaign_store import plan_in, read_campaign, read_events

__all__ = ["Earlier", "earlier_studies"]

Earlier = Mapping[str, Sequence[Study]]  # for each study of the new campaign, the earlier ones that it may use
DataFacts = Mapping[str, Mapping[str, str]]  # of campaign.json


def earlier_studies(
    storage: StoragePath, plan: CampaignPlan, data: DataFacts, say: Callable[[str], None], *, new: bool
) -> Earlier:
    """For each study of the plan, the studies of its `earlier_campaigns` whose best configurations it may try.

    A campaign that had the new study's target counts only if it split its molecules in the same way: otherwise it chose
    configurations on molecules that the new study may be tested on, and handed them on from study to study.

    Args:
        storage: of all campaigns.
        plan: of the campaign that takes over.
        data: of its campaign.json.
        say: takes a line for an earlier campaign that cannot be read.
        new: whether the campaign begins; a resumed one goes on without an earlier campaign that is gone.

    Raises:
        GearError: of a new campaign: there is no such earlier one, or it is damaged.
    """
    found: dict[str, list[Study]] = {study.name: [] for study in plan.studies}
    for name in plan.search.earlier_campaigns:
        try:
            head = read_campaign(storage / name)
            campaign = Campaign(plan_in(storage / name, head), events=read_events(storage / name))
        except GearError as error:
            if new:
                raise
            say(f"nothing more is taken over from campaign {name}: {error}")
            continue
        targets = {study.plan.pair.target for study in campaign.studies.values()}
        usable = [
            mine.name
            for mine in plan.studies
            if not any(_may_be_one(mine.pair.target, target) for target in targets)
            or _hash(head["data"], mine) == _hash(data, mine)
        ]
        for study in campaign.studies.values():
            for trial in study.ranking:
                trial.study = f"{name}/{study.name}"
            for mine in usable:
                found[mine].append(study)
    return found


def _may_be_one(task: TaskSpec, other: TaskSpec) -> bool:
    """Whether two tasks may have the same molecules: whatever is done with the values, wherever a user's table lies.

    The property is named after the column of a user's table or, where columns have one name, after the file.
    """
    of_user = task.file is not None and other.file is not None
    return task.property == other.property or (of_user and task.column == other.column)


def _hash(data: DataFacts, study: StudyPlan) -> str | None:
    """That of the split of a study's pair; None where a campaign did not have it."""
    return data.get(f"{study.pair.id}.{study.split}", {}).get("split_hash")
