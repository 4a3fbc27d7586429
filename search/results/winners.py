"""What is known of a campaign's winners together: how they stand, whether transfer helped, and what looks wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gear.evaluation.comparison import Change, Judged, baseline_of, compare
from gear.evaluation.diagnostics import Finding, diagnose
from gear.results import EpochResult
from search.campaign.campaign import Campaign
from search.campaign.events import EpochReported
from search.campaign.leaderboard import Standing, standings, units
from search.campaign.selection import winner
from search.results.references import Reference, read_references, reference_changes, tested_predictions
from search.storage.base import StoragePath
from search.storage.campaign_store import read_events

__all__ = ["Leaderboard", "change_of", "leaderboard"]


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The winners of a campaign.

    Attributes:
        standings: one per study, in the order of the plan.
        units: of the targets, by pair.
        changes: of the test RMSE against single-task learning, by study; of studies that can be compared.
        findings: what looks wrong with a winner, by study; of studies with any.
        references: what a chemist has within a minute, by pair and split.
        reference_changes: of the test RMSE against the strongest reference, by study.
    """

    standings: Sequence[Standing]
    units: Mapping[str, str]
    changes: Mapping[str, Change] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    references: Sequence[Reference] = ()
    reference_changes: Mapping[str, Change] = field(default_factory=dict)


def leaderboard(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath) -> Leaderboard:
    """The winners as they are now.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.

    Raises:
        StorageError: events or predictions cannot be read.
    """
    rows = standings(campaign)
    found = {row.study: change_of(row, rows, folder) for row in rows}
    changes = {study: change for study, change in found.items() if change is not None}
    references = read_references(campaign, folder)
    against = reference_changes(rows, references, folder)
    return Leaderboard(rows, units(head), changes, _findings(campaign, folder), references, against)


def change_of(row: Standing, rows: Sequence[Standing], folder: StoragePath) -> Change | None:
    """The change of a study's test RMSE against single-task learning; None where there is nothing to compare with.

    Campaigns of versions that kept no predictions have the change without its interval.

    Raises:
        StorageError: predictions cannot be read.
    """
    baseline = baseline_of(row, rows)
    return None if baseline is None else compare(_judged(row, folder), _judged(baseline, folder))


def _judged(row: Standing, folder: StoragePath) -> Judged:
    assert row.test_rmse is not None
    return Judged(row.test_rmse, tested_predictions(folder, row.study))


def _findings(campaign: Campaign, folder: StoragePath) -> dict[str, list[Finding]]:
    """What looks wrong with the winners, from the epochs that the campaign recorded."""
    best = {study.name: winner(study, campaign.plan.search) for study in campaign.studies.values()}
    numbers = {name: trial.number for name, trial in best.items() if trial is not None}
    epochs: dict[str, dict[int, EpochResult]] = {name: {} for name in numbers}
    for event in read_events(folder) if numbers else ():
        if isinstance(event, EpochReported) and numbers.get(event.study) == event.number:
            epochs[event.study][event.epoch] = EpochResult.from_metrics(event.epoch, event.metrics)
    found = {name: diagnose(list(rows.values())) for name, rows in epochs.items()}
    return {name: findings for name, findings in found.items() if findings}
