"""Search for the best transfer model of each pair of properties: Ray Tune and Optuna over `gear`.

    from search import make_plan, run_campaign

    plan = make_plan(["ct_from_bp"], ["random-n60"], ["gear", "stl"], trials=4)
    result = run_campaign(plan)
    result.leaderboard()

Names are imported when they are first used, so that `import search` costs nothing.
"""

from typing import TYPE_CHECKING

from gear.lazy import lazy_names

if TYPE_CHECKING:
    from search.launch.campaign_result import CampaignResult, load_campaign
    from search.launch.launch_options import LaunchOptions, PlainDisplay
    from search.launch.run_campaign import resume_campaign, run_campaign
    from search.plan.campaign_plan import CampaignPlan, StudyPlan, make_plan
    from search.plan.plan_file import read_plan
    from search.plan.presets import PRESETS
    from search.plan.settings import SearchSettings

__all__ = [
    "PRESETS",
    "CampaignPlan",
    "CampaignResult",
    "LaunchOptions",
    "PlainDisplay",
    "SearchSettings",
    "StudyPlan",
    "load_campaign",
    "make_plan",
    "read_plan",
    "resume_campaign",
    "run_campaign",
]

_LATE = {
    "search.launch.campaign_result": (
        "CampaignResult",
        "load_campaign",
    ),
    "search.launch.launch_options": (
        "LaunchOptions",
        "PlainDisplay",
    ),
    "search.launch.run_campaign": (
        "resume_campaign",
        "run_campaign",
    ),
    "search.plan.campaign_plan": (
        "CampaignPlan",
        "StudyPlan",
        "make_plan",
    ),
    "search.plan.plan_file": ("read_plan",),
    "search.plan.presets": ("PRESETS",),
    "search.plan.settings": ("SearchSettings",),
}
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
