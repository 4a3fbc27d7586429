"""Which trials' models are a result, and how much each counts in their mean: of a study, a blend or a joined result."""

import hashlib
from collections.abc import Sequence

from search.campaign.campaign import Campaign
from search.campaign.selection import delivered, members
from search.campaign.study import Trial
from search.results.blend_evidence import blend_of, delivered_members

__all__ = ["Shares", "joined_shares", "models_digest", "shares_of"]

Shares = list[tuple[Trial, float]]  # relative to each other


def shares_of(campaign: Campaign, name: str) -> tuple[Shares, Shares]:
    """The trials whose models were tested, and those whose models are exported, of a tested study or blend.

    Args:
        campaign: of the trials.
        name: of the study or blend.
    """
    if name in campaign.studies:
        study, settings = campaign.studies[name], campaign.plan.search
        best = study.trials[study.finished[-1].winner]
        return _evenly(members(study, best, settings)), _evenly(delivered(study, best, settings))
    blend = blend_of(campaign, name)
    tested = [(campaign.studies[one.study].trials[one.number], float(one.count)) for one in blend.members]
    taken = [(trial, one.count / len(of)) for one, of in delivered_members(campaign, blend) for trial in of]
    return tested, taken


def joined_shares(campaign: Campaign, parts: Sequence[str]) -> tuple[Shares, Shares]:
    """The same of several studies or blends together, each of which counts as much as the others."""
    found = [shares_of(campaign, part) for part in parts]
    tested, taken = ([share for of_part in each for share in _of_one(of_part)] for each in zip(*found, strict=True))
    return tested, taken


def models_digest(shares: Shares) -> str:
    """A short text that differs where the trials or their shares in the mean differ, whatever their order."""
    total = sum(share for _, share in shares)
    told = sorted((trial.study, trial.number, round(share / total, 6)) for trial, share in shares)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def _evenly(trials: Sequence[Trial]) -> Shares:
    return [(trial, 1.0) for trial in trials]


def _of_one(shares: Shares) -> Shares:
    """With a sum of one; a trial of several folds shares its part among their models."""
    total = sum(share for _, share in shares)
    return [(trial, share / total) for trial, share in shares]
