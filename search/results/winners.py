"""What is known of a campaign's winners together: how they stand, whether transfer helped, and what looks wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gear.evaluation.comparison import Change, Judged, baseline_of, compare, reference_verdict
from gear.evaluation.diagnostics import Finding
from gear.evaluation.learning_curve import LearningCurve
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing, standings, units
from search.campaign.selection import winner
from search.campaign.study import Trial
from search.results.label_curves import label_curves
from search.results.references import Reference, read_references, reference_change, tested_predictions
from search.storage.base import StoragePath

__all__ = ["Leaderboard", "change_of", "leaderboard", "warnings_of"]


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
        curves: of the test error against the number of labels, where the splits differ in it.
    """

    standings: Sequence[Standing]
    units: Mapping[str, str]
    changes: Mapping[str, Change] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    references: Sequence[Reference] = ()
    reference_changes: Mapping[str, Change] = field(default_factory=dict)
    curves: Sequence[LearningCurve] = ()


def leaderboard(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath) -> Leaderboard:
    """The winners as they are now.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.

    Raises:
        StorageError: references or predictions cannot be read.
    """
    rows, references = standings(campaign), read_references(campaign, folder)
    changes = _known((row.study, change_of(row, rows, folder)) for row in rows)
    against = _known((row.study, reference_change(row, references, folder)) for row in rows)
    curves = label_curves(rows, references, head, folder)
    return Leaderboard(rows, units(head), changes, _findings(campaign), references, against, curves)


def _known(found: Iterable[tuple[str, Change | None]]) -> dict[str, Change]:
    return {study: change for study, change in found if change is not None}


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


def _findings(campaign: Campaign) -> dict[str, Sequence[Finding]]:
    """What looks wrong with the winners."""
    best = {study.name: winner(study, campaign.plan.search) for study in campaign.studies.values()}
    return {name: trial.findings for name, trial in best.items() if trial is not None and trial.findings}


def warnings_of(winner: Trial, method: str, against: Change | None) -> list[str]:
    """What whoever gets a winner must be told of it, a sentence each.

    Args:
        winner: the trial that won.
        method: of its study.
        against: its change against the strongest reference, if there is one.
    """
    verdict = "" if against is None else reference_verdict(against)
    said = [f"{method} {verdict}"] if verdict else []
    return [*said, *(f"in training, {finding.message}" for finding in winner.findings)]
