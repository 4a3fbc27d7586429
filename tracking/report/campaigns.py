"""Reads campaigns from MLflow into plain records."""

import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gear.data.splits.split_name import parse_split
from gear.errors import GearError, StorageError, UnknownNameError
from gear.evaluation.comparison import REFERENCES
from gear.evaluation.conformal import Coverage, recorded_coverage
from gear.evaluation.held_out import PartPredictions, read_predictions
from gear.results import OBJECTIVE
from tracking.mlflow_api import Experiment, MlflowClient, MlflowException, Run
from tracking.references import KIND, NAME
from tracking.runs import FILE_TAG, PREDICTIONS, files_of

__all__ = ["CampaignRecord", "ReferenceRecord", "StudyRecord", "TrialRecord", "read_campaigns"]

RAN = ("complete", "pruned")  # states of a trial whose value can be compared
GEOMETRY = ("rho_correlation", "rho_source", "rho_target", "rho_spread", "participation_ratio")
REPEAT = re.compile(r"(rescore|refit|all-labels) of #\d+")  # origins


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One configuration. `value`: its best validation RMSE; `curve`: (epoch, validation RMSE), finite ones."""

    number: int
    state: str  # complete, pruned, failed, running or interrupted
    reason: str
    origin: str
    value: float | None
    params: dict[str, str]
    curve: tuple[tuple[int, float], ...]
    metrics: dict[str, float]  # last value of each
    findings: dict[str, str]
    run_id: str

    @property
    def ran(self) -> bool:
        """Whether its value can be compared with others'."""
        return self.state in RAN and self.value is not None

    @property
    def is_repeat(self) -> bool:
        """Whether it trains another trial's configuration again and is no part of the search."""
        return REPEAT.fullmatch(self.origin) is not None


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A method on a pair under a split.

    Attributes:
        metrics: of the parent run.
        geometry: of the winner, by name: at its first and at its last epoch.
        predictions: by part, `validation` and `test`; empty where they were not recorded.
        repeats: trials of the search, trained again with another seed.
        labels: of the target, for training and validation together; 0 where an earlier version did not record it.
        members: of a blend, which has no trials of its own: the trials that it is the mean of, in words.
    """

    campaign: str
    name: str
    pair: str
    split: str
    method: str
    unit: str
    split_hash: str
    data_hash: str
    run_id: str
    test_evaluations: int
    metrics: dict[str, float]
    trials: tuple[TrialRecord, ...]
    winner: TrialRecord | None
    geometry: dict[str, tuple[float, float]] = field(default_factory=dict)
    predictions: dict[str, PartPredictions] = field(default_factory=dict)
    repeats: tuple[TrialRecord, ...] = ()
    labels: int = 0
    members: str = ""

    @property
    def target(self) -> str:
        """The property that is learnt."""
        return self.pair.partition("_from_")[0]

    @property
    def source(self) -> str:
        """The property, or properties, learnt from."""
        return self.pair.partition("_from_")[2]

    @property
    def shown_unit(self) -> str:
        """The unit as shown: empty for a property without unit."""
        return "" if self.unit == "-" else self.unit

    @property
    def validation_rmse(self) -> float | None:
        """Of the winner, standardised; once it was tested, the value at that time."""
        best = self.metrics.get(OBJECTIVE, None if self.winner is None else self.winner.value)
        return self.metrics.get("winner_validation_rmse", best)

    @property
    def test_rmse(self) -> float | None:
        """Of the winner, standardised; None before it was tested."""
        return self.metrics.get("test_rmse")

    @property
    def test_rmse_units(self) -> float | None:
        """The same in the property's unit."""
        return self.metrics.get("test_rmse_units")

    @property
    def coverage(self) -> list[Coverage]:
        """Of the winner's prediction intervals on the test part, by level; empty where it was not recorded."""
        return recorded_coverage(self.metrics)

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data: numbers are comparable where these are equal."""
        return self.split_hash, self.data_hash

    @property
    def importance(self) -> dict[str, float]:
        """Recorded importance by setting."""
        found = {name.partition("/")[2]: v for name, v in self.metrics.items() if name.startswith("importance/")}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def count(self, state: str) -> int:
        """Number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """What predictions without a search reach on the test part of a pair and split.

    Attributes:
        metrics: `test_rmse`, `test_r2` and others, as of a study.
        predictions: for the test part; None where they were not recorded.
        labels: as of a study.
    """

    campaign: str
    name: str
    pair: str
    split: str
    unit: str
    split_hash: str
    data_hash: str
    metrics: dict[str, float]
    predictions: PartPredictions | None = None
    labels: int = 0

    @property
    def title(self) -> str:
        """Its name in tables."""
        return REFERENCES.get(self.name, self.name)

    @property
    def shown_unit(self) -> str:
        """The unit as shown: empty for a property without unit."""
        return "" if self.unit == "-" else self.unit

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data: numbers are comparable where these are equal."""
        return self.split_hash, self.data_hash

    @property
    def test_rmse(self) -> float | None:
        """Standardised."""
        return self.metrics.get("test_rmse")


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """An experiment with its studies. Times are in seconds since 1970; `versions` and `settings` by name.

    `references` is empty where an earlier version recorded the campaign.
    """

    name: str
    experiment_id: str
    studies: tuple[StudyRecord, ...]
    settings: dict[str, str]
    versions: dict[str, str]
    started: float
    ended: float
    references: tuple[ReferenceRecord, ...] = ()


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
        found = [_campaign(client, experiments[name], say) for name in names or sorted(experiments)]
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot read MLflow: {error}") from error
    found = [campaign for campaign in found if campaign.studies]
    if not found:
        where = f"campaign {', '.join(names)} has no study" if names else "MLflow has no campaign"
        raise StorageError(f"{where}: run a search first, or give --tracking-uri")
    return found


def _campaign(client: MlflowClient, experiment: Experiment, say: Callable[[str], None]) -> CampaignRecord:
    parents: list[Run] = []
    children: dict[str, list[Run]] = {}
    references = []
    for run in _runs(client, experiment.experiment_id):
        if run.data.tags.get("gear.kind") == KIND and run.info.status == "FINISHED":
            references.append(_reference(client, experiment.name, run, say))
        if "gear.study" not in run.data.tags:
            continue  # a run that a user made, or a report
        parent = run.data.tags.get("mlflow.parentRunId")
        if parent is None:
            parents.append(run)
        else:
            children.setdefault(parent, []).append(run)
    if parents:
        say(f"reading campaign {experiment.name}: {len(parents)} studies, {sum(map(len, children.values()))} trials")
    parents.sort(key=lambda run: (run.info.start_time, run.data.tags["gear.study"]))
    studies = tuple(_study(client, experiment.name, run, children.get(run.info.run_id, []), say) for run in parents)
    times = [(run.info.start_time, run.info.end_time) for runs in (parents, *children.values()) for run in runs]
    return CampaignRecord(
        name=experiment.name,
        experiment_id=str(experiment.experiment_id),
        studies=studies,
        settings=dict(parents[0].data.params) if parents else {},
        versions=_versions(client, studies),
        started=min((start for start, _ in times), default=0) / 1000,
        ended=max((end or start for start, end in times), default=0) / 1000,
        references=tuple(sorted(references, key=lambda found: (found.pair, found.split, found.name))),
    )


def _runs(client: MlflowClient, experiment: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _study(
    client: MlflowClient, campaign: str, parent: Run, children: list[Run], say: Callable[[str], None]
) -> StudyRecord:
    tags = parent.data.tags
    everything = sorted((_trial(client, run) for run in children), key=lambda trial: trial.number)
    trials = tuple(trial for trial in everything if not trial.is_repeat)
    winner = _winner(tags.get("gear.winner"), trials)
    return StudyRecord(
        campaign=campaign,
        name=tags["gear.study"],
        pair=tags["gear.pair"],
        split=tags["gear.split"],
        method=tags["gear.method"],
        unit=tags.get("gear.unit", ""),
        split_hash=tags.get("gear.split_hash", ""),
        data_hash=tags.get("gear.data_hash", ""),
        run_id=parent.info.run_id,
        test_evaluations=int(tags.get("gear.test_evaluations", 0)),
        metrics=dict(parent.data.metrics),
        trials=trials,
        winner=winner,
        geometry={} if winner is None else _geometry(client, winner),
        predictions=_predictions(client, campaign, parent, say),
        repeats=tuple(trial for trial in everything if trial.is_repeat),
        labels=_labels(tags),
        members=tags.get("gear.members", ""),
    )


def _reference(client: MlflowClient, campaign: str, run: Run, say: Callable[[str], None]) -> ReferenceRecord:
    tags = run.data.tags
    return ReferenceRecord(
        campaign=campaign,
        name=tags[NAME],
        pair=tags["gear.pair"],
        split=tags["gear.split"],
        unit=tags.get("gear.unit", ""),
        split_hash=tags.get("gear.split_hash", ""),
        data_hash=tags.get("gear.data_hash", ""),
        metrics=dict(run.data.metrics),
        predictions=_predictions(client, campaign, run, say).get("test"),
        labels=_labels(tags),
    )


def _labels(tags: Mapping[str, str]) -> int:
    """The number of labels, from the name of the split or as recorded; 0 where neither says it."""
    try:
        return parse_split(tags["gear.split"]).labels or int(tags.get("gear.labels", 0))
    except GearError:  # a split of another version
        return 0


def _trial(client: MlflowClient, run: Run) -> TrialRecord:
    tags, metrics = run.data.tags, dict(run.data.metrics)
    value = metrics.get(OBJECTIVE)
    curve = client.get_metric_history(run.info.run_id, "validation_rmse") if "validation_rmse" in metrics else []
    points = {point.step: point.value for point in curve if math.isfinite(point.value)}
    return TrialRecord(
        number=int(tags["gear.trial"]),
        state=tags.get("gear.status", "running"),
        reason=tags.get("gear.reason", ""),
        origin=tags.get("gear.origin", ""),
        value=value if value is not None and math.isfinite(value) else None,
        params=dict(run.data.params),
        curve=tuple(sorted(points.items())),
        metrics=metrics,
        findings={n.removeprefix("gear.finding."): text for n, text in tags.items() if n.startswith("gear.finding.")},
        run_id=run.info.run_id,
    )


def _winner(number: str | None, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The trial that was tested, or before the test the best complete one."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    named = [trial for trial in complete if str(trial.number) == number]
    return next(iter(named), None) or min(complete, key=lambda trial: (trial.value, trial.number), default=None)


def _versions(client: MlflowClient, studies: Sequence[StudyRecord]) -> dict[str, str]:
    """Versions of the packages that searched, from a registered winner."""
    for study in studies:
        where = "" if study.winner is None else f"run_id = '{study.winner.run_id}'"
        for registered in client.search_model_versions(where) if where else ():
            if "versions" in registered.tags:
                return dict(json.loads(registered.tags["versions"]))
    return {}


def _geometry(client: MlflowClient, winner: TrialRecord) -> dict[str, tuple[float, float]]:
    found = {}
    for name in GEOMETRY:
        if f"geometry/{name}" in winner.metrics:
            history = client.get_metric_history(winner.run_id, f"geometry/{name}")
            points = sorted((point.step, point.value) for point in history)
            found[name] = points[0][1], points[-1][1]
    return found


def _predictions(
    client: MlflowClient, campaign: str, run: Run, say: Callable[[str], None]
) -> dict[str, PartPredictions]:
    """What a winner or a reference predicts for the molecules that it was judged on; what is missing of it is said."""
    place = f"{run.info.artifact_uri}/{PREDICTIONS}"
    if PREDICTIONS not in files_of(client, run.info.run_id):
        if FILE_TAG + PREDICTIONS in run.data.tags:
            say(
                f"{run.info.run_name}: recorded predictions are not found, so the report has no plots of them: put "
                f"{place} back, or write it again with gear-search record {campaign}"
            )
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        return read_predictions(Path(client.download_artifacts(run.info.run_id, PREDICTIONS, scratch)), place)
