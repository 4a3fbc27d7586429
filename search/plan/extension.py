"""What may change in the plan of a campaign that is resumed: it can grow, and its winner can be found another way."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from gear.errors import InputDataError
from search.plan.campaign_plan import CampaignPlan

__all__ = ["RESUMABLE", "extended_plan"]

RESUMABLE = ("trials", "epoch_timeout", "finalists", "final")  # fields of SearchSettings


def extended_plan(plan: CampaignPlan, changes: Mapping[str, Any]) -> CampaignPlan:
    """The plan with some settings of its search replaced.

    Args:
        plan: as it was recorded.
        changes: by the name of the field of `SearchSettings`; those that change nothing are accepted.

    Raises:
        InputDataError: a setting that a resume cannot change, or fewer trials than before.
    """
    for name, value in changes.items():
        if name not in RESUMABLE and value != getattr(plan.search, name, None):
            raise InputDataError(f"{name} cannot change in a campaign that is resumed: start a new campaign")
    trials = changes.get("trials", plan.search.trials)
    if trials < plan.search.trials:
        raise InputDataError(f"--trials {trials}: the campaign has {plan.search.trials} already; it can only grow")
    return dataclasses.replace(plan, search=dataclasses.replace(plan.search, **changes))
