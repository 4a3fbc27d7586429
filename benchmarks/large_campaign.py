"""Campaigns of any size without training, in a folder and in MLflow, for the benchmark of what reads them.

The folder is written by the store of campaigns. MLflow's database is what the recorder would write, but its requests
are collected and inserted table by table, which takes a hundredth of the time.
"""

import itertools
import math
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import create_engine, insert

from gear.config import TrainingConfig, TrialConfig
from gear.parsing import to_dict
from gear.results import EpochResult, State
from search.campaign.events import EpochReported, Event, StudyFinished, TrialAsked, TrialEnded
from search.campaign.proposer import Proposal, Proposer
from search.campaign.study import Study, Trial
from search.plan.campaign_plan import CampaignPlan, StudyPlan, expand_pairs
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.plan.settings import SearchSettings
from search.results.mlflow_records import story
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.recording.run_writer import RunWriter
from tracking.runs import PREDICTIONS, attach

PAIRS, SPLITS, METHODS = (
    ("ct_from_bp", "hv_from_bp", "dk_from_lp", "st_from_ri"),
    ("random", "scaffold"),
    ("gear", "stl"),
)
STUDIES = len(PAIRS) * len(SPLITS) * len(METHODS)
EPOCHS, MOLECULES = 15, 100
CONFIGURATIONS = 100  # different ones of a method
TERMS = ("reg", "auto", "cons", "map", "metric", "curv", "total")
GEOMETRY = ("rho_source", "rho_target", "rho_spread", "rho_correlation", "participation_ratio")
HEAD = {"id": "benchmark", "created": "2026-01-01T00:00:00+00:00"}


def plan_of(trials: int) -> CampaignPlan:
    """Of so many trials in all."""
    search = SearchSettings(trials=math.ceil(trials / STUDIES), sampler="random", validation_folds=1)
    config = TrialConfig(training=TrainingConfig(epochs=EPOCHS))
    return CampaignPlan(f"bench-{trials}", "quick", expand_pairs(PAIRS), SPLITS, METHODS, search, config)


def facts_of(plan: CampaignPlan) -> dict[str, dict[str, str]]:
    """What is known of the data."""
    names = [f"{pair.id}.{split}" for pair in plan.pairs for split in plan.splits]
    return {name: {"split_hash": name, "data_hash": "d", "unit": "K", "labels": "400"} for name in names}


def events_of(plan: CampaignPlan, trials: int) -> list[tuple[Event, ...]]:
    """The lives of so many trials, one study after the other, and the tests of the winners."""
    return [together for number, of in enumerate(plan.studies) for together in _study(plan, of, number, trials)]


def _study(plan: CampaignPlan, of: StudyPlan, place: int, trials: int) -> Iterator[tuple[Event, ...]]:
    study = Study(of, plan.search.trials, 0)
    proposals = _proposals(plan, of.method)
    for number in range(trials // STUDIES + (place < trials % STUDIES)):
        for event in _life(study.name, of.method, number, proposals[number % CONFIGURATIONS]):
            study.apply(event)
            yield (event,)
    best = study.best
    if best is not None and best.value is not None:
        scores = {"rmse": best.value + 0.05, "rmse_units": 10 * best.value, "r2": 0.8, "n": MOLECULES}
        yield (StudyFinished(of.name, best.number, best.value, 1, scores, f"{of.pair.id}.{of.split}", "d"),)


@cache
def _proposals(plan: CampaignPlan, method: str) -> list[Proposal]:
    """Random configurations of the real space."""
    study = Study(next(study for study in plan.studies if study.method == method), CONFIGURATIONS, 0)
    proposer, found = Proposer(method, plan.config, plan.search), []
    for number in range(CONFIGURATIONS):
        found.append(proposer.propose(study))
        study.searched.append(Trial(study.name, number, found[-1].params, {}, {}))
    return found


def _life(study: str, method: str, number: int, found: Proposal) -> Iterator[Event]:
    config = to_dict(found.config) | {"seed": number}
    yield TrialAsked(study, number, 0, found.params, found.distributions, config, None, found.origin)
    end: State = "pruned" if number % 3 else "complete"
    epochs = EPOCHS if end == "complete" else EPOCHS // 2
    for epoch in range(1, epochs + 1):
        yield EpochReported(study, number, 0, epoch, _metrics(method, number, epoch))
    yield TrialEnded(study, number, end, "last epoch", _value(number, epochs), epochs)


def _value(number: int, epoch: int) -> float:
    return 0.3 + number % 97 / 1000 + 1 / epoch


def _metrics(method: str, number: int, epoch: int) -> dict[str, float]:
    value = _value(number, epoch)
    geometry = {name: value * epoch for name in GEOMETRY} if method == "gear" else {}
    losses = {term: value / (1 + place) for place, term in enumerate(TERMS if method == "gear" else TERMS[:1])}
    validation = {"target": value**2, "source": value}
    return EpochResult(epoch, value, value, epoch, losses, validation, 1.0, 9e3, 0.0, 0, 900.0, geometry).metrics()


def write_folder(folder: Path, plan: CampaignPlan, events: Sequence[tuple[Event, ...]]) -> None:
    """A finished campaign; nothing waits for the disk."""
    head = {"plan": plan_to_dict(plan), "data": facts_of(plan), **HEAD}
    with patch("os.fsync"), CampaignStore.create(LocalPath(folder / plan.name), head, plan_to_toml(plan)) as store:
        for together in events:
            store.append(*together)
        for study in plan.studies:
            store.write_predictions(study.name, _predictions())


def _predictions() -> pa.Table:
    generator = np.random.default_rng(0)
    true = generator.normal(50, 10, 2 * MOLECULES)
    columns: dict[str, Any] = {"part": ["validation"] * MOLECULES + ["test"] * MOLECULES}
    columns |= {"smiles": [f"{'C' * (1 + index % 40)}{'O' * (index // 40)}" for index in range(2 * MOLECULES)]}
    return pa.table(columns | {"value": true, "prediction": true + generator.normal(0, 4, 2 * MOLECULES)})


class Collector:
    """Takes the requests of a `RunWriter` and writes them to a database's tables at once."""

    def __init__(self, uri: str) -> None:
        self._client, self._uri = open_client(uri, create=True), uri
        self.runs: dict[str, dict[str, Any]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.params: dict[tuple[str, str], str] = {}
        self.metrics: dict[tuple[str, str, int, int, float, bool], None] = {}

    def __getattr__(self, name: str) -> Any:
        """Experiments are asked for and made at once."""
        return getattr(self._client, name)

    def create_run(self, experiment: str, start: int, tags: Mapping[str, str], name: str) -> Any:
        run, location = uuid.uuid4().hex, self._client.get_experiment(experiment).artifact_location
        place = f"{location}/{run}/artifacts"
        fixed = {"lifecycle_stage": "active", "source_type": "LOCAL", "user_id": "bench", "artifact_uri": place}
        named = {"run_uuid": run, "name": name, "status": "RUNNING", "start_time": start, "end_time": None}
        self.runs[run] = {**named, "experiment_id": int(experiment), **fixed}
        self.log_batch(run, tags=[SimpleNamespace(key=k, value=v) for k, v in {**tags, "mlflow.runName": name}.items()])
        return SimpleNamespace(info=SimpleNamespace(run_id=run))

    def log_batch(self, run: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        self.tags |= {(run, tag.key): tag.value for tag in tags}
        self.params |= {(run, param.key): param.value for param in params}
        for m in metrics:
            self.metrics[run, m.key, m.step, m.timestamp, m.value, False] = None

    def set_tag(self, run: str, name: str, value: str) -> None:
        self.tags[run, name] = value

    def log_text(self, run: str, text: str, name: str) -> None:
        file = Path(unquote(urlsplit(self.runs[run]["artifact_uri"]).path)) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def set_terminated(self, run: str, status: str, end: int) -> None:
        self.runs[run] |= {"status": status, "end_time": end}

    def update_run(self, run: str, status: str) -> None:
        self.runs[run]["status"] = status

    def insert(self) -> None:
        """Write everything."""
        latest: dict[tuple[str, str], tuple[Any, ...]] = {}
        for row in self.metrics:
            if row[:2] not in latest or row[2:] > latest[row[:2]][2:]:
                latest[row[:2]] = row
        columns = ("run_uuid", "key", "step", "timestamp", "value", "is_nan")
        engine = create_engine(self._uri)
        with engine.begin() as connection:
            for table, rows in (
                (SqlRun, self.runs.values()),
                (SqlTag, _pairs(self.tags)),
                (SqlParam, _pairs(self.params)),
                (SqlLatestMetric, (dict(zip(columns, row, strict=True)) for row in latest.values())),
                (SqlMetric, (dict(zip(columns, row, strict=True)) for row in self.metrics)),
            ):
                for batch in _batched(rows):
                    connection.execute(insert(table), batch)
        engine.dispose()


def _pairs(found: Mapping[tuple[str, str], str]) -> Iterator[dict[str, str]]:
    return ({"run_uuid": run, "key": key, "value": value} for (run, key), value in found.items())


def _batched(rows: Any, size: int = 50_000) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def write_database(uri: str, plan: CampaignPlan, events: Sequence[tuple[Event, ...]]) -> None:
    """The record of the same campaign."""
    collector = Collector(uri)
    writer = RunWriter(collector, uri, CampaignIdentity.of(plan.name, HEAD))  # type: ignore[arg-type]
    now = itertools.count(1_700_000_000_000, 10)
    for record in story(plan, facts_of(plan), itertools.chain.from_iterable(events)):
        writer.write(record, next(now))
    writer.flush(next(now))
    assert not writer.rejected, writer.first_rejection
    collector.insert()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / PREDICTIONS
        pq.write_table(_predictions(), file)
        for study in plan.studies:
            attach(uri, CampaignIdentity.of(plan.name, HEAD), study.name, file)
