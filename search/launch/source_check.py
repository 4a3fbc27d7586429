"""Before a campaign starts: which of its pairs a quick probe expects no gain of."""

from collections.abc import Callable, Collection

from gear.errors import GearError
from search.plan.campaign_plan import CampaignPlan

__all__ = ["say_doubtful_sources"]


def say_doubtful_sources(plan: CampaignPlan, probed: Collection[str], say: Callable[[str], None]) -> None:
    """Say it of each pair none of whose sources helps a quick probe on the plan's first split.

    Args:
        plan: of the campaign.
        probed: ids of pairs whose sources were chosen by such a probe just now.
        say: takes a line.
    """
    from gear.evaluation.source_ranking import expectation, rank_sources  # torch

    for pair in plan.pairs:
        if not pair.sources or pair.id in probed:
            continue
        try:
            ranked = rank_sources(pair.target, pair.sources, plan.splits[0], plan.search.split_seed)
        except GearError:  # too few molecules, for instance: whatever is wrong is said when the data is prepared
            continue
        if not any(one.may_help for one in ranked):
            say(f"{pair.id}: a quick probe expects {expectation(ranked[0])}; other sources: gear-search data sources")
