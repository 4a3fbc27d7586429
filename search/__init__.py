"""Search for the best transfer model of each pair of properties: Ray Tune and Optuna over `gear`.

    from search import make_plan, run_campaign

    plan = make_plan(["ct_from_bp"], ["random-n60"], ["gear", "stl"], trials=4)
    result = run_campaign(plan)
    result.leaderboard()

Names are imported when they are first used, so that `import search` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "PRESETS": "search.plan.presets",
    "CampaignPlan": "search.plan.campaign_plan",
    "CampaignResult": "search.launch.campaign_result",
    "LaunchOptions": "search.launch.launch_options",
    "PlainDisplay": "search.launch.launch_options",
    "SearchSettings": "search.plan.settings",
    "StudyPlan": "search.plan.campaign_plan",
    "load_campaign": "search.launch.campaign_result",
    "make_plan": "search.plan.campaign_plan",
    "read_plan": "search.plan.plan_file",
    "resume_campaign": "search.launch.run_campaign",
    "run_campaign": "search.launch.run_campaign",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
