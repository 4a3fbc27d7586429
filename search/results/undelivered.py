"""What a campaign whose trials are over still owes: tests of winners and blends, and exports of results."""

from collections.abc import Mapping
from typing import Any

from search.campaign.campaign import Campaign
from search.campaign.selection import blend_candidates, members, winner
from search.plan.campaign_plan import blend_name
from search.results.delivery import delivered_results
from search.results.evidence import Board, rows_and_joined
from search.results.readable import is_tested
from search.storage.base import StoragePath
from search.storage.campaign_store import EXPORTS

__all__ = ["undelivered"]


def undelivered(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath) -> str:
    """What is missing, in words: `2 winners are not tested yet`; empty where all is tested and exported.

    Args:
        campaign: whose trials are over.
        head: its campaign.json.
        folder: of the campaign.

    Raises:
        StorageError: joined results cannot be read.
    """
    if untested := _untested_winners(campaign):
        return _missing(untested, "winner", "tested")
    if unchosen := _missing_blends(campaign, folder):
        return _missing(unchosen, "blend", "tested")
    rows, joined = rows_and_joined(campaign, folder)
    exported = {place.name for place in (folder / EXPORTS).glob("*")}
    results = delivered_results(Board(campaign, head, folder, rows, (), joined))
    return _missing(sum(result.name not in exported for result in results), "result", "exported")


def _untested_winners(campaign: Campaign) -> int:
    settings = campaign.plan.search
    won = [(study, winner(study, settings)) for study in campaign.studies.values()]
    return sum(best is not None and not is_tested(study, best, members(study, best, settings)) for study, best in won)


def _missing_blends(campaign: Campaign, folder: StoragePath) -> int:
    """Number of pairs and splits that have two candidates for a blend or more, and no blend."""
    if campaign.plan.search.final != "blend":
        return 0
    candidates: dict[str, list[str]] = {}  # their checkpoints, by the blend's name
    for study in campaign.studies.values():
        found = candidates.setdefault(blend_name(study.plan.pair.id, study.plan.split), [])
        found += [trial.checkpoint for trial in blend_candidates(study, campaign.plan.search) if trial.checkpoint]
    without = [found for name, found in candidates.items() if name not in campaign.blends]
    return sum(sum((folder / checkpoint).exists() for checkpoint in found) > 1 for found in without)


def _missing(number: int, what: str, done: str) -> str:
    return f"{number} {what}{' is' if number == 1 else 's are'} not {done} yet" if number else ""
