"""After the search: winners of studies, chosen on validation, and blends are tested once, exported and registered."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gear.errors import CheckpointError, GearError
from search.campaign.campaign import Campaign
from search.campaign.events import StudyFinished
from search.campaign.selection import delivered, members, score, winner
from search.campaign.study import Study, Trial
from search.results.blend import judge_blends
from search.results.blend_evidence import blend_card, delivered_members, winner_of_blend
from search.results.ensemble import models, tested_on
from search.results.evidence import Board, read_board, study_card, winner_of
from search.results.held_out_cache import predict_all
from search.results.intervals import calibration_of, judge_with_intervals
from search.results.readable import readable_winner
from search.results.reference_records import record_references
from search.results.references import judge_references
from search.storage.campaign_store import EXPORTS, CampaignStore
from search.storage.layout import predictions_file
from tracking.evidence import Winner
from tracking.registry import register_winner
from tracking.runs import PREDICTIONS, attach

__all__ = ["deliver", "judge_results", "register_results"]


def judge_results(campaign: Campaign, store: CampaignStore, say: Callable[[str], None]) -> None:
    """Test the winner of every study that has one, the references, and the blends if the campaign ends with them.

    What an earlier launch tested is not tested again. A winner whose checkpoint is damaged costs its own study only.

    Raises:
        GearError: the storage cannot be read or written.
    """
    for study in campaign.studies.values():
        best = winner(study, campaign.plan.search)
        if best is None:
            say(_without_winner(study))
        elif (best := readable_winner(campaign, store, study, say)) is not None:
            _judge_winner(campaign, store, study, best)
    judge_references(campaign, store, say)
    if campaign.plan.search.final == "blend":
        judge_blends(campaign, store, say)


def deliver(campaign: Campaign, store: CampaignStore, tracking_uri: str, say: Callable[[str], None]) -> None:
    """Export and register all that was tested; both are repeated at a resume, since they may have been interrupted.

    Args:
        campaign: whose results were tested.
        store: its folder.
        tracking_uri: of MLflow, which must have recorded the winners' trials and the blends.
        say: takes a line for what could not be exported or registered.

    Raises:
        GearError: the storage cannot be read or written.
    """
    board = read_board(campaign, store.head, store.folder)
    evidence: dict[str, Winner] = {}
    for study in campaign.studies.values():
        best = winner(study, campaign.plan.search)
        if best is not None and study.finished:
            tested = [(trial, 1.0) for trial in members(study, best, campaign.plan.search)]
            taken = [(trial, 1.0) for trial in delivered(study, best, campaign.plan.search)]
            won = evidence[study.name] = _evidence(board, study.name)
            with _own_damage(store, study.name, say):
                _export(campaign, store, study.name, tested, taken, study_card(study, won))
    for blend in campaign.tested_blends:
        tested = [(campaign.studies[one.study].trials[one.number], float(one.count)) for one in blend.members]
        taken = [(trial, one.count / len(of)) for one, of in delivered_members(campaign, blend) for trial in of]
        won = evidence[blend.name] = _evidence(board, blend.name)
        with _own_damage(store, blend.name, say):
            _export(campaign, store, blend.name, tested, taken, blend_card(blend, won))
    register_results(board, tracking_uri, say, evidence)


def register_results(
    board: Board, tracking_uri: str, say: Callable[[str], None], evidence: Mapping[str, Winner] = MappingProxyType({})
) -> None:
    """Register the exported winner of every study and the exported blends.

    The references that they are compared with are recorded beside them.

    Args:
        board: the campaign, and what its results are compared by.
        tracking_uri: of MLflow, which must have recorded the winners' trials and the blends.
        say: takes a line for what could not be registered.
        evidence: for results by name, as far as it is known.
    """
    record_references(board, tracking_uri, say)
    campaign = board.campaign
    tested = [study.name for study in campaign.studies.values() if study.finished]
    for name in [*tested, *(blend.name for blend in campaign.tested_blends)]:
        _register(board, tracking_uri, name, evidence.get(name), say)


def _evidence(board: Board, name: str) -> Winner:
    """The evidence for the winner of a study, or for a blend."""
    study = board.campaign.studies.get(name)
    if study is not None:
        return winner_of(board, study)
    return winner_of_blend(board, next(blend for blend in board.campaign.tested_blends if blend.name == name))


def _register(board: Board, tracking_uri: str, name: str, won: Winner | None, say: Callable[[str], None]) -> None:
    """Register an export, and attach its predictions to the run of its study or blend, for the report.

    What the folder lacks is said.
    """
    place, predictions = board.folder / EXPORTS / name, board.folder / predictions_file(name)
    for what, file in {"not registered": place, "without predictions in the report": predictions}.items():
        if not file.exists():
            say(f"{name}: {what}, since there is no {file}")
    try:
        if not place.exists():
            return
        won = won or _evidence(board, name)
        with place.local() as export:
            register_winner(tracking_uri, export, won)
        if predictions.exists():
            with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
                copy = Path(scratch) / PREDICTIONS
                copy.write_bytes(predictions.read_bytes())
                attach(tracking_uri, won.identity, name, copy)
    except (GearError, OSError) as error:
        say(f"{name}: exported, but not registered: {error}")


def _without_winner(study: Study) -> str:
    """Why a study has no winner, in one line."""
    if not study.given_up:
        return f"{study.name}: no trial completed, so there is no winner"
    reasons = Counter(trial.reason for trial in study.searched if trial.state == "failed")
    (reason, count), *_ = reasons.most_common(1)
    return f"{study.name}: stopped, since all {study.ended} trials failed, {count} of them with: {reason}"


def _judge_winner(campaign: Campaign, store: CampaignStore, study: Study, best: Trial) -> None:
    """Test the winner of a study and record its scores, unless that is recorded."""
    ensemble = members(study, best, campaign.plan.search)
    trials = [trial.number for trial in ensemble if trial is not best]
    if (last := study.finished[-1:]) and (last[0].winner, last[0].trials) == (best.number, trials):
        return
    with models(campaign, store, [(trial, 1.0) for trial in ensemble]) as found:
        alone = predict_all(found, store)
        evaluations = campaign.begin_evaluation(study.name)
        predictions, scores = judge_with_intervals(found, alone)
    store.write_predictions(study.name, predictions)
    finished = StudyFinished(
        study=study.name,
        winner=best.number,
        validation_rmse=score(study, best),
        test_evaluations=evaluations,
        scores=scores,
        split_hash=found[0].pair.split_hash,
        data_hash=found[0].pair.data_hash,
        trials=trials,
    )
    campaign.finish_study(finished)


@contextlib.contextmanager
def _own_damage(store: CampaignStore, name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say it where a checkpoint that an export needs is damaged: the other exports do not need it."""
    try:
        yield
    except CheckpointError as error:
        there = (store.folder / EXPORTS / name).exists()
        say(f"{name}: {'its export stays as it was' if there else 'not exported'}, since {error}")


def _export(
    campaign: Campaign,
    store: CampaignStore,
    name: str,
    tested: Sequence[tuple[Trial, float]],
    taken: Sequence[tuple[Trial, float]],
    card: Mapping[str, Any],
) -> None:
    """Export models, with the intervals of those that were tested.

    Args:
        campaign: of the trials.
        store: that holds their checkpoints and takes the export.
        name: of the study or blend.
        tested: trials whose models were tested, and their shares in the mean.
        taken: trials whose models are exported, in the same form; the same ones, or others that learnt from all labels.
        card: what the card says.
    """
    from gear.export import export_model  # torch, not before it is needed

    with models(campaign, store, tested) as found:
        calibration = calibration_of(found, predict_all(found, store))
    with models(campaign, store, taken) as found, store.export(name) as to:
        export_model(found, tested_on(found[0]), to, card, calibration)
