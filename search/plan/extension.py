"""What may change in the plan of a campaign that is resumed: settings that say so; all else makes another campaign."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from gear.config import KEY_VERSION
from gear.errors import InputDataError
from search.plan.campaign_plan import CampaignPlan
from search.plan.setting import settings_of
from search.plan.settings import SearchSettings

__all__ = ["extended_plan", "identity"]

SETTINGS = settings_of(SearchSettings)


def identity(plan: CampaignPlan) -> dict[str, Any]:
    """What a campaign keeps from its beginning to its end, by name; the order of names in a plan is no part of it.

    Nor is the version of the pairs' keys, which no flag changes: a campaign goes on with that of its beginning.
    """
    pairs = frozenset(dataclasses.replace(pair, key_version=KEY_VERSION) for pair in plan.pairs)
    sets = {"pairs": pairs, "splits": frozenset(plan.splits), "methods": frozenset(plan.methods)}
    fixed = {setting.name: getattr(plan.search, setting.name) for setting in SETTINGS if setting.resume == "fixed"}
    return {"preset": plan.preset, **sets, "configuration": plan.config, **fixed}


def extended_plan(plan: CampaignPlan, changes: Mapping[str, Any]) -> CampaignPlan:
    """The plan with some settings of its search replaced.

    Args:
        plan: as it was recorded.
        changes: by the name of the field of `SearchSettings`; those that change nothing are accepted.

    Raises:
        InputDataError: a setting that a resume cannot change, or a lower number where it can only grow.
    """
    if unknown := changes.keys() - {setting.name for setting in SETTINGS}:
        raise InputDataError(f"there is no setting {min(unknown)} of a search")
    for setting in SETTINGS:
        before = getattr(plan.search, setting.name)
        after = changes.get(setting.name, before)
        if setting.resume == "fixed" and after != before:
            raise InputDataError(f"{setting.name} cannot change in a campaign that is resumed: start a new campaign")
        if setting.resume == "grows" and after < before:
            raise InputDataError(f"{setting.flag} {after}: the campaign has {before} already; the number can only grow")
    return dataclasses.replace(plan, search=dataclasses.replace(plan.search, **changes))
