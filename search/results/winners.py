"""What is known of a campaign's winners together: how they stand, whether transfer helped, and what looks wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gear.evaluation.comparison import Change
from gear.evaluation.diagnostics import Finding
from gear.evaluation.learning_curve import LearningCurve
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing, units
from search.campaign.selection import winner
from search.plan.campaign_plan import CHAMPION
from search.results.blend_evidence import blend_words
from search.results.changes import change_of
from search.results.cross_validation_evidence import joined_words
from search.results.evidence import read_board
from search.results.label_curves import label_curves
from search.results.references import Reference, reference_change
from search.storage.base import StoragePath

__all__ = ["Leaderboard", "leaderboard"]


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The winners of a campaign.

    Attributes:
        standings: one per study, in the order of the plan, then joined results, in place of the folds that they join.
        units: of the targets, by pair.
        changes: of the test RMSE against single-task learning, by study; of studies that can be compared.
        findings: what looks wrong with a winner, by study; of studies with any.
        references: what a chemist has within a minute, by pair and split.
        reference_changes: of the test RMSE against the strongest reference, by study.
        curves: of the test error against the number of labels, where the splits differ in it.
        notes: what each blend is made of and what it is worth, and the champions of folds, in sentences.
    """

    standings: Sequence[Standing]
    units: Mapping[str, str]
    changes: Mapping[str, Change] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    references: Sequence[Reference] = ()
    reference_changes: Mapping[str, Change] = field(default_factory=dict)
    curves: Sequence[LearningCurve] = ()
    notes: Sequence[str] = ()


def leaderboard(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath) -> Leaderboard:
    """The winners as they are now.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.

    Raises:
        StorageError: references or predictions cannot be read.
    """
    board = read_board(campaign, head, folder)
    rows, folds = board.results, board.folds
    references = [found for found in board.references if (found.pair, found.split) not in folds]
    changes = _known((row.study, change_of(row, rows, folder)) for row in rows)
    against = _known((row.study, reference_change(row, references, folder)) for row in rows)
    curves = label_curves(rows, references, head, folder)
    blends = [blend for blend in campaign.newest_blends if (blend.pair, blend.split) not in folds]
    notes = [line for blend in blends for line in blend_words(board, blend)]
    notes += [joined_words(board, found) for found in board.joined if found.method == CHAMPION]
    return Leaderboard(rows, units(head), changes, _findings(campaign), references, against, curves, notes)


def _known(found: Iterable[tuple[str, Change | None]]) -> dict[str, Change]:
    return {study: change for study, change in found if change is not None}


def _findings(campaign: Campaign) -> dict[str, Sequence[Finding]]:
    """What looks wrong with the winners."""
    best = {study.name: winner(study, campaign.plan.search) for study in campaign.studies.values()}
    return {name: trial.findings for name, trial in best.items() if trial is not None and trial.findings}
