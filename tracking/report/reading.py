"""Reads campaigns from MLflow: all runs at once, and then only the curves that a chart shows."""

import json
import math
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from gear.data.splits.split_name import parse_split
from gear.errors import GearError, StorageError, UnknownNameError
from gear.evaluation.held_out import PartPredictions, read_predictions
from gear.results import OBJECTIVE
from tracking.evidence_file import read_evidence
from tracking.mlflow_api import Experiment, MlflowClient, MlflowException
from tracking.references import KIND, NAME
from tracking.report.campaigns import CampaignRecord, ReferenceRecord, StudyRecord, TrialRecord
from tracking.report.thinning import room, thinned
from tracking.runs import FILE_TAG, PLAN, PREDICTIONS, SUPERSEDED, files_of
from tracking.stored_runs import RunReader, StoredRun, run_reader

__all__ = ["read_campaigns"]

CURVE = "validation_rmse"
GEOMETRY = ("rho_correlation", "rho_source", "rho_target", "rho_spread", "participation_ratio")


def read_campaigns(
    client: MlflowClient, names: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> list[CampaignRecord]:
    """The campaigns of an MLflow store.

    Args:
        client: of the store.
        names: of campaigns; none means all.
        say: takes a line for each campaign that is read.

    Raises:
        UnknownNameError: there is no such campaign.
        StorageError: MLflow cannot be read, or has no campaign.
    """
    try:
        experiments = {e.name: e for e in client.search_experiments()}
        for name in names:
            if name not in experiments:
                raise UnknownNameError("campaign", name, sorted(experiments))
            for later in (other for other in experiments if other.startswith(f"{name} ")):
                say(f"another campaign of the name {name} is recorded: --campaign '{later}'")
        reader = run_reader(client, client.tracking_uri)
        found = [_sorted_runs(reader, experiments[name], say) for name in names or sorted(experiments)]
        found = [runs for runs in found if runs.parents]
        most = room(sum(len(runs.parents) for runs in found))
        campaigns = [_campaign(client, reader, runs, most, say) for runs in found]
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise StorageError(f"cannot read MLflow: {error}") from error
    if not campaigns:
        where = f"campaign {', '.join(names)} has no study" if names else "MLflow has no campaign"
        raise StorageError(f"{where}: run a search first, or give --tracking-uri")
    return campaigns


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of an experiment: of studies, of their trials by the id of the study's run, and of references."""

    experiment: Experiment
    parents: list[StoredRun]
    children: dict[str, list[StoredRun]]
    references: list[StoredRun]


def _sorted_runs(reader: RunReader, experiment: Experiment, say: Callable[[str], None]) -> _Runs:
    runs = _Runs(experiment, [], {}, [])
    for run in reader.runs(str(experiment.experiment_id)):
        if run.tags.get("gear.kind") == KIND and run.status == "FINISHED":
            runs.references.append(run)
        if "gear.study" not in run.tags:
            continue  # a run that a user made, or a report
        if run.tags.get("gear.status") == SUPERSEDED:
            continue
        parent = run.tags.get("mlflow.parentRunId")
        if parent is None:
            runs.parents.append(run)
        else:
            runs.children.setdefault(parent, []).append(run)
    runs.parents.sort(key=lambda run: (run.start, run.tags["gear.study"]))
    if runs.parents:
        trials = sum(map(len, runs.children.values()))
        say(f"reading campaign {experiment.name}: {len(runs.parents)} studies, {trials} trials")
    return runs


def _campaign(
    client: MlflowClient, reader: RunReader, runs: _Runs, most: int, say: Callable[[str], None]
) -> CampaignRecord:
    """Of every study at most so many curves are read."""
    name = runs.experiment.name
    studies = [_study(client, name, run, runs.children.get(run.id, []), say) for run in runs.parents]
    studies = _with_curves(reader, studies, most)
    times = [(run.start, run.end) for some in (runs.parents, *runs.children.values()) for run in some]
    references = [_reference(client, name, run, say) for run in runs.references]
    return CampaignRecord(
        name=name,
        experiment_id=str(runs.experiment.experiment_id),
        studies=tuple(studies),
        settings=_settings(client, runs.parents[0]),
        versions=_versions(client, studies),
        started=min(start for start, _ in times) / 1000,
        ended=max(end or start for start, end in times) / 1000,
        references=tuple(sorted(references, key=lambda found: (found.pair, found.split, found.name))),
    )


def _settings(client: MlflowClient, run: StoredRun) -> dict[str, str]:
    """The settings of a search as they are now, by a study's run: its params stay as the first launch wrote them."""
    if PLAN not in files_of(client, run.id):
        return run.params
    with tempfile.TemporaryDirectory() as scratch:
        plan = tomllib.loads(Path(client.download_artifacts(run.id, PLAN, scratch)).read_text(encoding="utf-8"))
    now = {name: tuple(value) if isinstance(value, list) else value for name, value in plan.get("search", {}).items()}
    return run.params | {name: str(value) for name, value in now.items()}


def _study(
    client: MlflowClient, campaign: str, parent: StoredRun, children: Sequence[StoredRun], say: Callable[[str], None]
) -> StudyRecord:
    """A study, without curves yet."""
    tags = parent.tags
    everything = sorted(map(_trial, children), key=lambda trial: trial.number)
    trials = tuple(trial for trial in everything if not trial.is_repeat)
    return StudyRecord(
        campaign=campaign,
        name=tags["gear.study"],
        **_judged(tags),
        method=tags["gear.method"],
        run_id=parent.id,
        test_evaluations=int(tags.get("gear.test_evaluations", 0)),
        metrics=parent.metrics,
        trials=trials,
        winner=_winner(tags.get("gear.winner"), trials),
        predictions=_predictions(client, campaign, parent, say),
        repeats=tuple(trial for trial in everything if trial.is_repeat),
        members=tags.get("gear.members", ""),
        parts=tags.get("gear.parts", ""),
        curves=sum(CURVE in trial.metrics for trial in trials),
    )


def _judged(tags: Mapping[str, str]) -> dict[str, Any]:
    """What a study or reference was judged on: the fields that the records of both have."""
    return {
        "pair": tags["gear.pair"],
        "split": tags["gear.split"],
        "unit": tags.get("gear.unit", ""),
        "split_hash": tags.get("gear.split_hash", ""),
        "data_hash": tags.get("gear.data_hash", ""),
        "labels": _labels(tags),
    }


def _reference(client: MlflowClient, campaign: str, run: StoredRun, say: Callable[[str], None]) -> ReferenceRecord:
    tags = run.tags
    return ReferenceRecord(
        campaign=campaign,
        name=tags[NAME],
        **_judged(tags),
        metrics=run.metrics,
        predictions=_predictions(client, campaign, run, say).get("test"),
    )


def _labels(tags: Mapping[str, str]) -> int:
    """The number of labels, from the name of the split or as recorded; 0 where neither says it."""
    try:
        return parse_split(tags["gear.split"]).labels or int(tags.get("gear.labels", 0))
    except GearError:  # a split of another version
        return 0


def _trial(run: StoredRun) -> TrialRecord:
    """A trial, without its curve yet."""
    tags, value = run.tags, run.metrics.get(OBJECTIVE)
    return TrialRecord(
        number=int(tags["gear.trial"]),
        state=tags.get("gear.status", "running"),
        reason=tags.get("gear.reason", ""),
        origin=tags.get("gear.origin", ""),
        value=value if value is not None and math.isfinite(value) else None,
        params=run.params,
        curve=(),
        metrics=run.metrics,
        findings={n.removeprefix("gear.finding."): text for n, text in tags.items() if n.startswith("gear.finding.")},
        run_id=run.id,
    )


def _winner(number: str | None, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The trial that was tested, or before the test the best complete one."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    named = [trial for trial in complete if str(trial.number) == number]
    return next(iter(named), None) or min(complete, key=lambda trial: (trial.value, trial.number), default=None)


def _with_curves(reader: RunReader, studies: Sequence[StudyRecord], most: int) -> list[StudyRecord]:
    """Studies with the curves that are drawn, and with the geometry of their winners."""
    there = [(s, [trial for trial in s.trials if CURVE in trial.metrics]) for s in studies]
    chosen = [trial.run_id for study, trials in there for trial in thinned(trials, study.winner, most)]
    curves = reader.curves(chosen, CURVE)
    winners = [study.winner for study in studies if study.winner is not None]
    geometry: dict[str, dict[str, tuple[float, float]]] = {}
    for name in GEOMETRY:
        having = [winner.run_id for winner in winners if f"geometry/{name}" in winner.metrics]
        for run, points in reader.curves(having, f"geometry/{name}").items():
            geometry.setdefault(run, {})[name] = points[0][1], points[-1][1]
    return [_completed(study, curves, geometry) for study in studies]


def _completed(
    study: StudyRecord,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    geometry: Mapping[str, dict[str, tuple[float, float]]],
) -> StudyRecord:
    def drawn(trial: TrialRecord) -> TrialRecord:
        points = curves.get(trial.run_id)
        return trial if points is None else replace(trial, curve=tuple(p for p in points if math.isfinite(p[1])))

    winner = None if study.winner is None else drawn(study.winner)
    found = {} if winner is None else geometry.get(winner.run_id, {})
    return replace(study, trials=tuple(map(drawn, study.trials)), winner=winner, geometry=found)


def _versions(client: MlflowClient, studies: Sequence[StudyRecord]) -> dict[str, str]:
    """Versions of the packages that searched, from a registered winner."""
    runs = [run for study in studies for run in (study.winner and study.winner.run_id, study.run_id) if run]
    for run in runs:  # a joined result is registered under its own
        for registered in client.search_model_versions(f"run_id = '{run}'"):
            versions = read_evidence(registered).get("versions")
            if versions:
                return dict(json.loads(versions))
    return {}


def _predictions(
    client: MlflowClient, campaign: str, run: StoredRun, say: Callable[[str], None]
) -> dict[str, PartPredictions]:
    """What a winner or a reference predicts for the molecules that it was judged on; what is missing of it is said."""
    place = f"{run.artifacts}/{PREDICTIONS}"
    if PREDICTIONS not in files_of(client, run.id):
        if FILE_TAG + PREDICTIONS in run.tags:
            say(
                f"{run.name}: recorded predictions are not found, so the report has no plots of them: put {place} "
                f"back, or write it again with gear-search record {campaign}"
            )
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        return read_predictions(Path(client.download_artifacts(run.id, PREDICTIONS, scratch)), place)
