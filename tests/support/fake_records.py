"""Campaigns as MLflow holds them, without a search: small ones in MLflow, large ones as records."""

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.entities import Metric, Param

from gear.evaluation.held_out import PartPredictions
from tracking.client import artifact_location
from tracking.identity import CampaignIdentity
from tracking.references import ReferenceRun, record_reference_runs
from tracking.report.campaigns import CampaignRecord, StudyRecord, TrialRecord

# errors of a good model and of a bad one, at the same molecules
SMALL, LARGE = tuple(0.1 * (-1) ** k for k in range(50)), tuple(3.0 * (-1) ** k for k in range(50))
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


@dataclass(frozen=True)
class Study:
    """What is to be recorded. `errors`: of the winner at the test molecules, in the unit."""

    pair: str = "hv_from_ds"
    split: str = "random"
    method: str = "gear"
    validation: float = 0.5
    test: float | None = 0.4
    hash: str = "s1"
    states: tuple[str, ...] = ("complete", "pruned", "failed")
    errors: tuple[float, ...] | None = None
    origins: dict[int, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)  # of trial 0, the winner
    labels: int | None = None

    @property
    def name(self):
        return f"{self.pair}.{self.split}.{self.method}"

    @property
    def test_rmse(self):
        """Of the errors, where they are given; a standard deviation is 10."""
        return self.test if self.errors is None else float(np.sqrt(np.square(self.errors).mean())) / 10


def record(client, uri, campaign, *studies):
    """Write studies as the search does."""
    found = client.get_experiment_by_name(campaign)
    experiment = found.experiment_id if found else client.create_experiment(campaign, artifact_location(uri, campaign))
    for study in studies:
        tags = {f"gear.{name}": getattr(study, name) for name in ("pair", "split", "method")}
        tags |= {"gear.study": study.name, "gear.split_hash": study.hash, "gear.data_hash": "d1", "gear.unit": "kJ/mol"}
        tags |= {} if study.labels is None else {"gear.labels": str(study.labels)}
        parent = _run(client, experiment, study.name, {**tags, "gear.status": "complete", "gear.winner": "0"})
        client.log_batch(parent, params=[Param("epochs", "3"), Param("sampler", "tpe")])
        if study.test_rmse is not None:
            metrics = {"test_rmse": study.test_rmse, "test_rmse_units": 10 * study.test_rmse, **study.metrics}
            _metrics(client, parent, {**metrics, "best_validation_rmse": study.validation}, 0)
        if study.errors is not None:
            _log_predictions(client, parent, study)
        for number, state in enumerate(study.states):
            _record_trial(client, experiment, parent, study, tags, number, state)


def _record_trial(client, experiment, parent, study, tags, number, state):
    labels = {"gear.trial": str(number), "gear.status": state, "mlflow.parentRunId": parent}
    labels |= {"gear.reason": f"{state} at epoch {number}", "gear.origin": study.origins.get(number, "tpe")}
    labels |= {f"gear.finding.{name}": text for name, text in study.findings.items() if number == 0}
    run = _run(client, experiment, f"{study.method} #{number}", tags | labels, STATUS.get(state, "KILLED"))
    params = {
        "seed": number,
        "weights.curv": 0.1 * (number + 1),
        "transfer.depth": 1 + number % 3,
        "encoder.latent": 50,
    }
    client.log_batch(run, params=[Param(name, str(value)) for name, value in params.items()])
    for epoch in (1, 2, 3):
        value = study.validation + number / 10 + 1 - epoch / 3
        geometry = {"geometry/rho_correlation": epoch / 4} if study.method == "gear" else {}
        last = {"best_validation_rmse": value, "peak_memory_mb": 700.0}
        _metrics(client, run, {"validation_rmse": math.nan if state == "failed" else value, **geometry, **last}, epoch)


def _run(client, experiment, name, tags, status="FINISHED"):
    run = client.create_run(experiment, 1_700_000_000_000, tags, name).info.run_id
    client.set_terminated(run, status, 1_700_000_060_000)
    return run


def _metrics(client, run, metrics, step):
    client.log_batch(run, [Metric(name, value, 1_700_000_000_000, step) for name, value in metrics.items()])


def record_reference(uri, campaign, study, name="svr"):
    """Record a reference on the pair and split of a study as the search does; its numbers are those of the study."""
    tags = {"split_hash": study.hash, "data_hash": "d1", "unit": "kJ/mol"}
    tags |= {} if study.labels is None else {"labels": str(study.labels)}
    metrics = {"test_rmse": study.test_rmse, "test_rmse_units": 10 * study.test_rmse, **study.metrics}
    sink = pa.BufferOutputStream()
    pq.write_table(_predictions(study.errors), sink)
    where = (name, f"{study.pair}.{study.split} {name}", study.pair, study.split)
    run = ReferenceRun(*where, tags, metrics, sink.getvalue().to_pybytes())
    record_reference_runs(uri, CampaignIdentity(campaign), [run])


def _predictions(errors):
    n = len(errors)
    true = np.linspace(20.0, 60.0, n)
    columns = {
        "part": ["test"] * n,
        "smiles": [f"C{index}" for index in range(n)],
        "value": true,
        "prediction": true + np.array(errors),
    }
    return pa.table(columns)


def _log_predictions(client, run, study):
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "predictions.parquet"
        pq.write_table(_predictions(study.errors), path)
        client.log_artifact(run, str(path))


def trial(number=0, value=0.5, state="complete", epochs=5, **params):
    """A trial whose curve falls to its value."""
    curve = tuple((epoch, value + 1 / epoch - 1 / epochs) for epoch in range(1, epochs + 1))
    texts = {name: str(given) for name, given in params.items()}
    return TrialRecord(number, state, "last epoch", "tpe", value, texts, curve, {}, {}, f"trial-{number}")


def study(trials, method="gear", pair="hv_from_ds", split="random", predictions=None, **metrics):
    """A study whose winner is its best complete trial."""
    complete = [t for t in trials if t.state == "complete"]
    winner = min(complete, key=lambda t: t.value, default=None)
    name = f"{pair}.{split}.{method}"
    hashes = ("kJ/mol", f"hash of {pair} {split}", "data")
    own = ("campaign", name, pair, split, method, *hashes, name, 1, metrics, tuple(trials), winner)
    return StudyRecord(*own, predictions=predictions or {})


def large_campaign(studies=46, trials=50, epochs=100, molecules=500):
    """A campaign of the size of a benchmark."""
    generator = np.random.default_rng(0)
    found = []
    for index in range(studies):
        method, pair = ("gear", "stl")[index % 2], f"p{index // 4}_from_q"
        configurations = [
            {f"weights.{name}": 10 ** generator.uniform(-2, 1) for name in ("auto", "cons", "map", "metric", "curv")}
            | {"transfer.depth": 1 + number % 3, "encoder.width": 16 * int(generator.integers(2, 8))}
            for number in range(trials)
        ]
        states = ["pruned" if number % 2 else "complete" for number in range(trials)]
        values = generator.uniform(0.3, 0.9, trials)
        members = [
            trial(number, float(values[number]), states[number], epochs, **configurations[number])
            for number in range(trials)
        ]
        true = generator.normal(50, 10, molecules)
        part = PartPredictions(np.arange(molecules).astype(str), true, true + generator.normal(0, 4, molecules))
        split = ("random", "scaffold")[index // 2 % 2]
        both = {"validation": part, "test": part}
        found.append(study(members, method, pair, split, both, test_rmse=0.4, best_validation_rmse=min(values)))
    return CampaignRecord("benchmark-1", "1", tuple(found), {"epochs": str(epochs)}, {}, 0.0, 60.0)
