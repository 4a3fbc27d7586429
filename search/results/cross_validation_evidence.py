"""The evidence for what a cross-validation found: in a sentence for the terminal, for the registry and for the card."""

from typing import Any

from search.campaign.study import Trial
from search.plan.campaign_plan import CHAMPION
from search.results.cross_validation import JoinedResult
from search.results.evidence import Board, card_evidence, common_evidence, labels_of
from search.results.shares import Shares
from tracking.evidence import Winner

__all__ = ["joined_card", "joined_words", "winner_of_joined"]


def joined_words(board: Board, joined: JoinedResult) -> str:
    """Which methods the champions of the folds are, in a sentence."""
    return (
        f"{joined.pair} {joined.split}: champions of the {len(joined.parts)} folds: {joined.methods}; together "
        f"they test every one of {joined.scores['n']} molecules once"
    )


def winner_of_joined(board: Board, joined: JoinedResult, tested: Shares, taken: Shares) -> Winner:
    """The evidence for a joined result, for a reviewer.

    Args:
        board: what it is compared by.
        joined: the result.
        tested: the trials whose models were tested, and their shares.
        taken: the trials whose models are exported, and their shares.

    Raises:
        StorageError: predictions cannot be read.
    """
    return Winner(
        pair=joined.pair,
        split=joined.split,
        method=joined.method,
        study=joined.name,
        number=None,
        trials=", ".join(f"{_study(trial)} #{trial.number}" for trial, _ in tested),
        test_evaluations=joined.test_evaluations,
        split_hash=joined.split_hash,
        data_hash=joined.data_hash,
        scores=joined.numbers,
        labels=labels_of(trial for trial, _ in taken),
        **common_evidence(board, joined.name, [trial for trial, _ in tested], [trial for trial, _ in taken]),
    )


def joined_card(joined: JoinedResult, won: Winner) -> dict[str, Any]:
    """What the card of a joined result says, from its evidence."""
    folds = f"{len(joined.parts)}, each a search of its own that did not see the labels of its test part"
    which = {"champions of the folds": joined.methods} if joined.method == CHAMPION else {}
    return card_evidence(won, {"folds": folds, **which, "members": won.trials})


def _study(trial: Trial) -> str:
    """The split and the method of a trial's study."""
    return ".".join(trial.study.rsplit(".", 2)[1:])
