"""After the search: winners of studies, chosen on validation, and blends are tested once, exported and registered."""

import contextlib
import dataclasses
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gear
from gear.data.splits.split_name import cross_validations
from gear.errors import CheckpointError, GearError, StorageError
from search.campaign.campaign import Campaign
from search.campaign.events import StudyFinished
from search.campaign.selection import members, score, winner
from search.campaign.study import Study, Trial
from search.results.blend import judge_blends
from search.results.cross_validation import judge_cross_validations
from search.results.delivery import Delivered, delivered_results
from search.results.ensemble import models, tested_on
from search.results.evidence import Board, read_board
from search.results.held_out_cache import predict_all
from search.results.intervals import calibration_of, judge_with_intervals
from search.results.readable import is_tested, readable_winner
from search.results.reference_records import record_references
from search.results.references import judge_references
from search.storage.base import StoragePath
from search.storage.campaign_store import EXPORTS, CampaignStore
from search.storage.layout import predictions_file
from tracking.evidence import Winner
from tracking.identity import CampaignIdentity
from tracking.registry import model_name, register_winner, supersede_others
from tracking.runs import PREDICTIONS, attach

__all__ = ["deliver", "judge_results", "register_results"]


def judge_results(campaign: Campaign, store: CampaignStore, say: Callable[[str], None]) -> None:
    """Test the winner of every study that has one, the references, and the blends if the campaign ends with them.

    The results of a cross-validation's folds are joined.

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
    judge_cross_validations(campaign, store, say)


def deliver(campaign: Campaign, store: CampaignStore, tracking_uri: str, say: Callable[[str], None]) -> None:
    """Export and register all that was tested; at a resume what is missing of it, since it may have been interrupted.

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
    for result in delivered_results(board):
        won = evidence[result.name] = result.evidence()
        with _own_damage(store, result.name, say):
            _export(campaign, store, result, result.card(won))
    register_results(board, tracking_uri, say, evidence)


def register_results(
    board: Board, tracking_uri: str, say: Callable[[str], None], evidence: Mapping[str, Winner] = MappingProxyType({})
) -> None:
    """Register the exported winner of every study, the exported blends and joined results.

    The references that they are compared with are recorded beside them. What an earlier launch registered and the
    campaign does not deliver any more is marked.

    Args:
        board: the campaign, and what its results are compared by.
        tracking_uri: of MLflow, which must have recorded the winners' trials and the blends.
        say: takes a line for what could not be registered.
        evidence: for results by name, as far as it is known.
    """
    record_references(board, tracking_uri, say)
    registered = {
        result.name: _register(board.folder, tracking_uri, result, evidence.get(result.name), say)
        for result in delivered_results(board)
    }
    _supersede_others(board, tracking_uri, registered, say)


def _supersede_others(
    board: Board, tracking_uri: str, registered: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Mark what the campaign registered before and does not deliver any more; where that fails it is said."""
    plan = board.campaign.plan
    splits = [*plan.splits, *cross_validations(plan.splits)]
    models = [model_name(pair.id, split) for pair in plan.pairs for split in splits]
    try:
        supersede_others(tracking_uri, CampaignIdentity.of(plan.name, board.head), models, registered)
    except GearError as error:
        say(str(error))


def _register(
    folder: StoragePath, tracking_uri: str, result: Delivered, won: Winner | None, say: Callable[[str], None]
) -> str:
    """Register an export, and attach its predictions to the run of its study or blend, for the report.

    What the folder lacks is said.

    Returns:
        The version; empty where it is not registered now.
    """
    name = result.name
    place, predictions = folder / EXPORTS / name, folder / predictions_file(name)
    for what, file in {"not registered": place, "without predictions in the report": predictions}.items():
        if not file.exists():
            say(f"{name}: {what}, since there is no {file}")
    version = ""
    try:
        if not place.exists():
            return version
        won = won or result.evidence()
        with place.local() as export:
            version = register_winner(tracking_uri, export, won).version
        if predictions.exists():
            with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
                copy = Path(scratch) / PREDICTIONS
                copy.write_bytes(predictions.read_bytes())
                attach(tracking_uri, won.identity, name, copy)
    except (GearError, OSError) as error:
        say(f"{name}: exported, but not registered: {error}")
    return version


def _without_winner(study: Study) -> str:
    """Why a study has no winner, in one line."""
    if not study.given_up:
        return f"{study.name}: no trial completed, so there is no winner"
    reasons = Counter(trial.reason for trial in study.searched if trial.state == "failed")
    (reason, count), *_ = reasons.most_common(1)
    return f"{study.name}: stopped, since all {study.ended} trials failed, {count} of them with: {reason}"


def _judge_winner(campaign: Campaign, store: CampaignStore, study: Study, best: Trial) -> None:
    """Test the winner of a study and record its scores, unless that is recorded.

    Fresh seeds may have changed the validation error of a winner that was tested before; then only that is recorded.
    """
    ensemble = members(study, best, campaign.plan.search)
    trials = [trial.number for trial in ensemble if trial is not best]
    validation_rmse = score(study, best)
    if is_tested(study, best, ensemble):
        last = study.finished[-1]
        if last.validation_rmse != validation_rmse:
            campaign.finish_study(dataclasses.replace(last, validation_rmse=validation_rmse))
        return
    with models(campaign, store, [(trial, 1.0) for trial in ensemble]) as found:
        alone = predict_all(found, store)
        evaluations = campaign.begin_evaluation(study.name)
        predictions, scores = judge_with_intervals(found, alone)
    store.write_predictions(study.name, predictions)
    finished = StudyFinished(
        study=study.name,
        winner=best.number,
        validation_rmse=validation_rmse,
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


def _export(campaign: Campaign, store: CampaignStore, result: Delivered, card: Mapping[str, Any]) -> None:
    """Export the models of a result, with the intervals of those that were tested, unless there is that very export.

    Args:
        campaign: of the result.
        store: that holds the checkpoints and takes the export.
        result: what is exported.
        card: what its card says.
    """
    from gear.export import export_model  # torch, not before it is needed

    inputs = _inputs(result, card)
    if _is_exported(store.folder / EXPORTS / result.name, inputs):
        return
    with models(campaign, store, result.tested) as found:
        calibration = calibration_of(found, predict_all(found, store))
    with models(campaign, store, result.taken) as found, store.export(result.name) as to:
        pair = tested_on(found[0])
        if result.split is not None:
            split, split_hash = result.split
            pair = dataclasses.replace(pair, split=split, split_hash=split_hash)
        export_model(found, pair, to, card, calibration, inputs)


def _inputs(result: Delivered, card: Mapping[str, Any]) -> str:
    """A digest of what an export is made of. Checkpoints never change, so that their places stand for them."""
    shares = [[(trial.checkpoint, share) for trial, share in of] for of in (result.tested, result.taken)]
    return hashlib.sha256(json.dumps([gear.__version__, shares, result.split, card]).encode()).hexdigest()


def _is_exported(place: StoragePath, inputs: str) -> bool:
    """Whether there is a whole export of these inputs."""
    from gear.export import recorded_inputs  # torch, not before it is needed

    try:
        with place.local() as export:
            return recorded_inputs(export) == inputs
    except (OSError, StorageError):  # none, or a damaged one: it is written anew
        return False
