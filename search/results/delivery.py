"""What a campaign delivers: the tested winners of studies, blends and joined results, each in the same terms."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from search.campaign.events import BlendFinished
from search.campaign.study import Study
from search.results.blend_evidence import blend_card, winner_of_blend
from search.results.cross_validation import JoinedResult
from search.results.cross_validation_evidence import joined_card, winner_of_joined
from search.results.evidence import Board, study_card, winner_of
from search.results.shares import Shares, joined_shares, models_digest, shares_of
from tracking.evidence import Winner

__all__ = ["Delivered", "delivered_results"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A result that is exported and registered.

    Attributes:
        name: of the study, blend or joined result.
        tested: the trials whose models were tested, and their shares.
        taken: the trials whose models are exported, and their shares.
        find_evidence: finds out what a reviewer wants to know of it; raises StorageError if predictions cannot be read.
        card: what its card says, from that evidence.
        split: name and hash of the split that it was tested on, if that is not the split of each of its models.
    """

    name: str
    tested: Shares
    taken: Shares
    find_evidence: Callable[[], Winner]
    card: Callable[[Winner], dict[str, Any]]
    split: tuple[str, str] | None = None

    def evidence(self) -> Winner:
        """What a reviewer wants to know of it, and which models are exported.

        Raises:
            StorageError: predictions cannot be read.
        """
        return dataclasses.replace(self.find_evidence(), models=models_digest(self.taken))


def delivered_results(board: Board) -> list[Delivered]:
    """What a campaign delivers: studies, blends, then joined results, which stand in place of the folds they join."""
    campaign, folds = board.campaign, board.folds
    studies = [study for study in campaign.studies.values() if study.finished]
    return [
        *(_of_study(board, study) for study in studies if (study.plan.pair.id, study.plan.split) not in folds),
        *(_of_blend(board, blend) for blend in campaign.tested_blends if (blend.pair, blend.split) not in folds),
        *(_of_joined(board, joined) for joined in board.joined),
    ]


def _of_study(board: Board, study: Study) -> Delivered:
    shares = shares_of(board.campaign, study.name)
    return Delivered(study.name, *shares, partial(winner_of, board, study), partial(study_card, study))


def _of_blend(board: Board, blend: BlendFinished) -> Delivered:
    shares = shares_of(board.campaign, blend.name)
    return Delivered(blend.name, *shares, partial(winner_of_blend, board, blend), partial(blend_card, blend))


def _of_joined(board: Board, joined: JoinedResult) -> Delivered:
    shares = joined_shares(board.campaign, joined.parts)
    evidence, card = partial(winner_of_joined, board, joined, *shares), partial(joined_card, joined)
    return Delivered(joined.name, *shares, evidence, card, (joined.split, joined.split_hash))
