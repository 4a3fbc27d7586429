"""The blend of a pair and split: the mean of trials that are chosen over all methods, by molecules they did not see.

The candidates are the best few trials of every study of the pair and split. Each predicts the molecules that it was
validated on, by the models that did not train on them (`gear.evaluation.held_out.out_of_fold`), and
`gear.evaluation.blending` chooses among them. The test part decides nothing: the blend is tested once, beside the
winners of the studies. It is ranked by what it is expected to reach, so it is the champion of its pair and split only
if cross-validation says that it beats the best single trial.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gear.evaluation.blending import choose_blend
from gear.evaluation.held_out import HeldOutPredictions, out_of_fold
from search.campaign.campaign import Campaign
from search.campaign.events import BlendFinished, BlendMember
from search.campaign.selection import blend_candidates, score, winner
from search.campaign.study import Study, Trial
from search.plan.campaign_plan import blend_name
from search.results.ensemble import trained
from search.results.held_out_cache import predict_all
from search.results.intervals import judge_with_intervals
from search.results.readable import damage
from search.storage.campaign_store import CampaignStore

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["judge_blends"]


def judge_blends(campaign: Campaign, store: CampaignStore, say: Callable[[str], None]) -> None:
    """Choose and test the blend of every pair and split, unless an earlier launch did so with the same candidates.

    Fresh seeds may have changed the errors of the winners since; then the blend is recorded with its new rank.

    Raises:
        StorageError: a checkpoint cannot be read, or predictions cannot be written.
    """
    of_place: dict[tuple[str, str], list[Study]] = {}
    for study in campaign.studies.values():
        of_place.setdefault((study.plan.pair.id, study.plan.split), []).append(study)
    for (pair, split), studies in of_place.items():
        there = [trial for study in studies for trial in _with_checkpoints(campaign, store, study, say)]
        blends = campaign.blends.get(blend_name(pair, split), ())
        blend = _chosen(blends, there)
        if blend is None:  # else nobody has to look into the checkpoints
            candidates = [trial for trial in there if _is_whole(campaign, store, trial, say)]
            if len(candidates) < 2:
                say(f"{pair} {split}: no blend, since there are no two trials to choose from")
                continue
            blend = _chosen(blends, candidates)
            if blend is None:
                _choose(campaign, store, studies, candidates)
                continue
        rank = _rank(campaign, studies, blend.expected_rmse / blend.single_rmse)
        if rank != blend.validation_rmse:
            campaign.finish_blend(dataclasses.replace(blend, validation_rmse=rank))


def _with_checkpoints(
    campaign: Campaign, store: CampaignStore, study: Study, say: Callable[[str], None]
) -> list[Trial]:
    """The candidates of a study that have checkpoints; how many of the others were removed is said."""
    wanted = blend_candidates(study, campaign.plan.search)
    there = [trial for trial in wanted if trial.checkpoint and (store.folder / trial.checkpoint).exists()]
    if gone := len(wanted) - len(there):
        say(
            f"{study.name}: the checkpoints of {gone} of the best {len(wanted)} trials were removed, since the "
            "campaign was run without --final blend; the blend takes what is left"
        )
    return there


def _is_whole(campaign: Campaign, store: CampaignStore, trial: Trial, say: Callable[[str], None]) -> bool:
    """Whether the checkpoint of a trial can be read; it is said where it cannot."""
    why = damage(campaign, store, trial)
    if why:
        say(f"{trial.study}: the blend does without trial {trial.number}: {why}")
    return not why


def _chosen(blends: Sequence[BlendFinished], candidates: Sequence[Trial]) -> BlendFinished | None:
    """The newest of some blends, if it was chosen among these candidates."""
    return next((blend for blend in blends[-1:] if blend.candidates == _numbers(candidates)), None)


def _numbers(trials: Sequence[Trial]) -> dict[str, list[int]]:
    """Numbers of trials by study."""
    found: dict[str, list[int]] = {}
    for trial in trials:
        found.setdefault(trial.study, []).append(trial.number)
    return found


def _choose(campaign: Campaign, store: CampaignStore, studies: Sequence[Study], candidates: Sequence[Trial]) -> None:
    """Choose the members of a blend, test it if there are several, and record it."""
    with contextlib.ExitStack() as stack:
        library = [trained(campaign, store, trial, stack) for trial in candidates]
        alone = [predict_all(ensemble, store) for ensemble in library]
    found = [out_of_fold(members) for members in alone]
    usable = [index for index, one in enumerate(found) if np.isfinite(one.prediction).all()]
    predictions, known = np.stack([found[index].prediction for index in usable]), found[0]
    chosen = choose_blend(predictions, known.value, known.scaler, molecules=known.smiles)
    counts = {index: int(count) for index, count in zip(usable, chosen.counts, strict=True) if count}
    plan, pair = studies[0].plan, library[0][0].pair
    blend = BlendFinished(
        pair=plan.pair.id,
        split=plan.split,
        members=[BlendMember(candidates[i].study, candidates[i].number, count) for i, count in counts.items()],
        candidates=_numbers(candidates),
        selected_rmse=chosen.rmse,
        expected_rmse=chosen.expected,
        single_rmse=chosen.single,
        validation_rmse=_rank(campaign, studies, chosen.expected / chosen.single),
        split_hash=pair.split_hash,
        data_hash=pair.data_hash,
    )
    ensembles = [library[index] for index in counts]
    campaign.finish_blend(_tested(campaign, store, blend, ensembles, [alone[index] for index in counts]))


def _rank(campaign: Campaign, studies: Sequence[Study], ratio: float) -> float:
    """The validation RMSE that a blend is ranked by: the lowest of the winners of some studies as they are now, scaled.

    Args:
        campaign: as it is now.
        studies: of the blend's pair and split.
        ratio: of the blend's error to that of the best single trial, by cross-validation.
    """
    settings = campaign.plan.search
    winners = [(study, winner(study, settings)) for study in studies]
    return min(score(study, best) for study, best in winners if best is not None) * ratio


def _tested(
    campaign: Campaign,
    store: CampaignStore,
    blend: BlendFinished,
    ensembles: "Sequence[Sequence[Member]]",
    alone: Sequence[Sequence[HeldOutPredictions]],
) -> BlendFinished:
    """The blend with its scores on the test part, and its predictions written; as it is with only one member.

    Args:
        campaign: as it is now.
        store: that takes the predictions.
        blend: not tested yet.
        ensembles: the models of each member.
        alone: what each of them predicts.
    """
    if len(blend.members) == 1:
        return dataclasses.replace(blend, test_evaluations=campaign.blend_evaluations[blend.name])
    shares = [(of, member.count / len(of)) for member, of in zip(blend.members, ensembles, strict=True)]
    weighted = [dataclasses.replace(one, weight=share) for of, share in shares for one in of]
    evaluations = campaign.begin_evaluation(blend.name)
    predictions, scores = judge_with_intervals(weighted, [one for of in alone for one in of])
    store.write_predictions(blend.name, predictions)
    return dataclasses.replace(blend, test_evaluations=evaluations, scores=scores)
