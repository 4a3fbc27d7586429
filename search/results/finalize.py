"""After the search: the winner of each study, chosen on validation, is evaluated on test, exported and registered."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gear.errors import GearError
from gear.evaluation.comparison import BASELINE, Change, baseline_of, reference_words
from gear.evaluation.conformal import Calibration, recorded_coverage
from gear.evaluation.held_out import HeldOutPredictions
from gear.results import STATES
from search.campaign.campaign import Campaign
from search.campaign.events import StudyFinished
from search.campaign.leaderboard import Standing, standings
from search.campaign.selection import members, score, winner
from search.campaign.study import Study, Trial
from search.results.ensemble import judge, models, predict_all
from search.results.intervals import calibration_of, coverage_of, with_intervals
from search.results.reference_records import record_references
from search.results.references import (
    judge_references,
    read_references,
    reference_change,
    strongest_for,
)
from search.results.winners import change_of, warnings_of
from search.storage.base import StoragePath
from search.storage.campaign_store import EXPORTS, CampaignStore
from search.storage.layout import predictions_file
from tracking.registry import Winner, register_winner
from tracking.runs import PREDICTIONS, attach

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["finalize", "register_winners", "winner_of"]


def finalize(
    campaign: Campaign, store: CampaignStore, tracking_uri: str, say: Callable[[str], None] = print
) -> list[Standing]:
    """Evaluate, export and register the winner of every study that has one, and return the leaderboard.

    A winner that an earlier launch evaluated is not evaluated again; exporting and registering are repeated, since they
    may have been interrupted.

    Raises:
        GearError: a checkpoint cannot be read or an export not written.
    """
    judge_references(campaign, store, say)
    for study in _baselines_first(campaign):
        best = winner(study, campaign.plan.search)
        if best is None:
            say(_without_winner(study))
            continue
        with models(campaign, store, study, best) as ensemble:
            alone = predict_all(ensemble)
            calibration = calibration_of(ensemble, alone)
            finished = _evaluated(campaign, store, study, best, ensemble, alone, calibration)
            with store.export(study.name) as folder:
                _export(campaign, study, finished, ensemble, calibration, store.folder, folder)
    register_winners(campaign, store.head, store.folder, tracking_uri, say)
    return standings(campaign)


def _baselines_first(campaign: Campaign) -> list[Study]:
    """The studies, those of single-task learning first, since the evidence of the others compares with them."""
    return sorted(campaign.studies.values(), key=lambda study: study.plan.method != BASELINE)


def register_winners(
    campaign: Campaign,
    head: Mapping[str, Any],
    folder: StoragePath,
    tracking_uri: str,
    say: Callable[[str], None] = print,
) -> None:
    """Register the exported winner of every study, after all were evaluated, since single-task learning is evidence.

    The references that winners are compared with are recorded beside them.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.
        tracking_uri: of MLflow, which must have recorded the winners' trials.
        say: takes a line for each winner that could not be registered.
    """
    record_references(campaign, head, folder, tracking_uri, say)
    for study in campaign.studies.values():
        place = folder / EXPORTS / study.name
        try:
            if study.finished and place.exists():
                with place.local() as export:
                    register_winner(tracking_uri, export, winner_of(campaign, head, folder, study))
                _attach_predictions(folder, study, tracking_uri, campaign.plan.name, head["created"])
        except (GearError, OSError) as error:
            say(f"{study.name}: exported, but not registered: {error}")


def _attach_predictions(folder: StoragePath, study: Study, tracking_uri: str, campaign: str, created: str) -> None:
    """Attach the winner's predictions to the study's run, for the report."""
    predictions = folder / predictions_file(study.name)
    if predictions.exists():
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
            copy = Path(scratch) / PREDICTIONS
            copy.write_bytes(predictions.read_bytes())
            attach(tracking_uri, campaign, created, study.name, copy)


def _without_winner(study: Study) -> str:
    """Why a study has no winner, in one line."""
    if not study.given_up:
        return f"{study.name}: no trial completed, so there is no winner"
    reasons = Counter(trial.reason for trial in study.searched if trial.state == "failed")
    (reason, count), *_ = reasons.most_common(1)
    return f"{study.name}: stopped, since all {study.ended} trials failed, {count} of them with: {reason}"


def _evaluated(
    campaign: Campaign,
    store: CampaignStore,
    study: Study,
    best: Trial,
    ensemble: "Sequence[Member]",
    alone: Sequence[HeldOutPredictions],
    calibration: Calibration,
) -> StudyFinished:
    """The test scores of the winner: recorded, or computed now and recorded."""
    trials = [trial.number for trial in members(study, best, campaign.plan.search) if trial is not best]
    if (last := study.finished[-1:]) and (last[0].winner, last[0].trials) == (best.number, trials):
        return last[0]
    predictions, scores = judge(alone)
    store.write_predictions(study.name, with_intervals(predictions, ensemble, calibration))
    finished = StudyFinished(
        study=study.name,
        winner=best.number,
        validation_rmse=score(study, best),
        test_evaluations=len(study.finished) + 1,
        scores=scores | coverage_of(ensemble, alone, calibration),
        split_hash=ensemble[0].pair.split_hash,
        data_hash=ensemble[0].pair.data_hash,
        trials=trials,
    )
    campaign.finish_study(finished)
    return finished


def _export(
    campaign: Campaign,
    study: Study,
    finished: StudyFinished,
    ensemble: "Sequence[Member]",
    calibration: Calibration,
    folder: StoragePath,
    to: Path,
) -> None:
    """Export a winner with its evidence, once single-task learning was tested."""
    from gear.export import export_model

    pair = ensemble[0].pair
    counts = ", ".join(str(study.count(state)) for state in STATES)
    evidence: dict[str, Any] = {
        "campaign": campaign.plan.name,
        "study": study.name,
        "trial": finished.winner,
        f"trials ({', '.join(STATES)})": counts,
        "validation RMSE": finished.validation_rmse,
        "test RMSE": _with_interval(finished.scores, "rmse"),
        f"test RMSE ({pair.target.unit})": _with_interval(finished.scores, "rmse_units"),
        f"test MAE ({pair.target.unit})": _with_interval(finished.scores, "mae_units"),
        "test R2": finished.scores["r2"],
        "test evaluations": finished.test_evaluations,
    }
    if "rmse_alone" in finished.scores:
        alone = "test RMSE of one model, mean and standard deviation"
        evidence[alone] = f"{finished.scores['rmse_alone']:.4g}, {finished.scores['rmse_alone_sd']:.2g}"
    for coverage in recorded_coverage(finished.numbers):
        evidence[f"{coverage.level} % intervals"] = coverage.words(pair.target.unit)
    change = _change(campaign, folder, study)
    if change is not None:
        evidence["against single-task learning"] = change.words(study.plan.method)
    against = _reference_change(campaign, folder, study)
    if against is not None:
        evidence["against an untuned support vector machine"] = reference_words(against, study.plan.method)
    if warnings := warnings_of(study.trials[finished.winner], study.plan.method, against):
        evidence["warnings"] = warnings
    export_model(ensemble, pair, to, evidence, calibration)


def _with_interval(scores: Mapping[str, float], name: str) -> dict[str, float]:
    return {"value": scores[name], "low": scores[f"{name}_low"], "high": scores[f"{name}_high"]}


def winner_of(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath, study: Study) -> Winner:
    """The evidence for a study's winner, for a reviewer.

    Raises:
        StorageError: predictions cannot be read.
    """
    plan, finished = study.plan, study.finished[-1]
    rows = standings(campaign)
    rival = baseline_of(_row_of(study, rows), rows)
    reference = strongest_for(_row_of(study, rows), read_references(campaign, folder))
    against = _reference_change(campaign, folder, study)
    config = study.trials[finished.winner].config
    return Winner(
        pair=plan.pair.id,
        split=plan.split,
        method=plan.method_name,
        study=study.name,
        campaign=campaign.plan.name,
        created=head["created"],
        number=finished.winner,
        trials=" ".join(map(str, finished.trials)),
        test_evaluations=finished.test_evaluations,
        split_hash=finished.split_hash,
        data_hash=finished.data_hash,
        unit=head["data"][f"{plan.pair.id}.{plan.split}"]["unit"],
        scores=finished.numbers,
        single_task={} if rival is None else campaign.studies[rival.study].finished[-1].numbers,
        change=_change(campaign, folder, study),
        reference={} if reference is None else reference.numbers,
        reference_change=against,
        warnings=warnings_of(study.trials[finished.winner], plan.method_name, against),
        config=config,
        seed=config["seed"],
        versions=head["versions"],
    )


def _change(campaign: Campaign, folder: StoragePath, study: Study) -> Change | None:
    rows = standings(campaign)
    return change_of(_row_of(study, rows), rows, folder)


def _reference_change(campaign: Campaign, folder: StoragePath, study: Study) -> Change | None:
    return reference_change(_row_of(study, standings(campaign)), read_references(campaign, folder), folder)


def _row_of(study: Study, rows: Sequence[Standing]) -> Standing:
    return next(row for row in rows if row.study == study.name)
