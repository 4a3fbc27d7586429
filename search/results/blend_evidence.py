"""What a blend is made of and what it is worth: in sentences for the terminal, for the registry and for the card."""

from collections.abc import Mapping, Sequence
from typing import Any

from gear.evaluation.comparison import BASELINE, champions
from search.campaign.campaign import Campaign
from search.campaign.events import BlendFinished, BlendMember
from search.campaign.leaderboard import Standing, row_of
from search.campaign.selection import delivered
from search.campaign.study import Study, Trial
from search.plan.campaign_plan import BLEND
from search.results.changes import change_between
from search.results.evidence import Board, card_evidence, common_evidence, labels_of
from tracking.evidence import Winner

__all__ = ["blend_card", "blend_of", "blend_words", "delivered_members", "members_words", "winner_of_blend"]


def blend_of(campaign: Campaign, name: str) -> BlendFinished:
    """The newest tested blend of a name."""
    return next(blend for blend in campaign.tested_blends if blend.name == name)


def blend_words(board: Board, blend: BlendFinished) -> list[str]:
    """A blend in sentences: its members, whether it is expected to beat the best single trial, what the test says.

    Raises:
        StorageError: predictions cannot be read.
    """
    where, studies = f"{blend.pair} {blend.split}", board.campaign.studies
    if not blend.scores:
        only = _trial(studies, blend.members[0])
        return [f"{where}: no blend, since no mean of trials has a lower validation RMSE than {only} by itself"]
    best = _best_single(board.rows, blend)
    verdict = "the blend is the champion" if blend.better else f"{best.method} stays the champion"
    found = (
        f"{where}: blend of {members_words(studies, blend)}; validation RMSE, cross-validated, "
        f"{blend.expected_rmse:.4f}, of the best single trial {blend.single_rmse:.4f}: {verdict}"
    )
    told = "" if best.method == BASELINE else _against_best(board, blend)  # all are compared with that
    return [found, f"{where}: {told}"] if told else [found]


def members_words(studies: Mapping[str, Study], blend: BlendFinished) -> str:
    """The members of a blend with their weights: `67 % gear #3, 33 % stl #0`; `studies` by name."""
    total = sum(member.count for member in blend.members)
    ordered = sorted(blend.members, key=lambda member: -member.count)
    return ", ".join(f"{100 * member.count / total:.0f} % {_trial(studies, member)}" for member in ordered)


def winner_of_blend(board: Board, blend: BlendFinished) -> Winner:
    """The evidence for a blend, for a reviewer.

    Raises:
        StorageError: predictions cannot be read.
    """
    campaign = board.campaign
    trials = [campaign.studies[member.study].trials[member.number] for member in blend.members]
    taken = [trial for _, of in delivered_members(campaign, blend) for trial in of]
    return Winner(
        pair=blend.pair,
        split=blend.split,
        method=BLEND,
        study=blend.name,
        number=None,
        trials=members_words(campaign.studies, blend),
        test_evaluations=campaign.blend_evaluations[blend.name],
        split_hash=blend.split_hash,
        data_hash=blend.data_hash,
        scores=blend.numbers,
        labels=labels_of(taken),
        against_best=_against_best(board, blend),
        **common_evidence(board, blend.name, trials, taken),
    )


def blend_card(blend: BlendFinished, won: Winner) -> dict[str, Any]:
    """What the card of a blend says, from its evidence."""
    trials, studies = sum(map(len, blend.candidates.values())), len(blend.candidates)
    made = {
        "members": won.trials,
        "chosen among": f"{trials} trials of {studies} studies, on molecules that their models were not trained on",
        "RMSE on these molecules": blend.selected_rmse,
        "the same by cross-validation of the choice": blend.expected_rmse,
        "the same of the best single trial": blend.single_rmse,
    }
    return card_evidence(won, made)


def delivered_members(campaign: Campaign, blend: BlendFinished) -> list[tuple[BlendMember, list[Trial]]]:
    """The trials whose models are exported for each member of a blend."""
    found = [(member, campaign.studies[member.study]) for member in blend.members]
    return [(one, delivered(study, study.trials[one.number], campaign.plan.search)) for one, study in found]


def _trial(studies: Mapping[str, Study], member: BlendMember) -> str:
    return f"{studies[member.study].plan.method_name} #{member.number}"


def _best_single(rows: Sequence[Standing], blend: BlendFinished) -> Standing:
    """The best winner on validation among the studies of a blend's pair and split."""
    return champions(row for row in rows if row.method != BLEND)[blend.pair, blend.split]


def _against_best(board: Board, blend: BlendFinished) -> str:
    """How a blend's test RMSE compares with the best single method's, in words; empty where that was not tested."""
    best = _best_single(board.rows, blend)
    if best.test_rmse is None:
        return ""
    return change_between(row_of(blend.name, board.rows), best, board.folder).words(BLEND, best.method)
