"""Records in MLflow what references reach on the test molecules of a pair and split: a run each, beside the studies."""

import hashlib
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gear.errors import StorageError
from tracking.client import open_client
from tracking.experiments import find_experiment
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import Metric, MlflowClient, MlflowException, Run
from tracking.runs import PREDICTIONS, files_of, log_file

__all__ = ["KIND", "NAME", "ReferenceRun", "record_reference_runs"]

KIND, NAME = "reference", "gear.reference"  # the tag `gear.kind` of these runs, and the tag with a reference's name


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """A reference on a pair and split.

    Attributes:
        name: of the reference.
        title: of the run.
        pair: its pair of properties.
        split: its split.
        tags: more facts: hashes of split and data, unit, number of labels.
        metrics: its errors, `test_rmse` and others, named like those of a study.
        predictions: the content of its file of predictions; None where there is none.
    """

    name: str
    title: str
    pair: str
    split: str
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    predictions: bytes | None = None


def record_reference_runs(tracking_uri: str, campaign: CampaignIdentity, references: Iterable[ReferenceRun]) -> None:
    """Record references in the experiment of a campaign; one that is recorded stays as it is.

    Args:
        tracking_uri: of MLflow.
        campaign: that they belong to.
        references: to be recorded.

    Raises:
        StorageError: the campaign is not recorded, or MLflow cannot be written.
    """
    client = open_client(tracking_uri)
    try:
        experiment = find_experiment(client, campaign)
        if experiment is None:
            raise StorageError(f"campaign {campaign.name} is not recorded in MLflow")
        for reference in references:
            _record(client, str(experiment.experiment_id), campaign.name, reference)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot write references to {tracking_uri}: {error}") from error


def _record(client: MlflowClient, experiment: str, campaign: str, reference: ReferenceRun) -> None:
    """Record one; a run that was interrupted half-way is completed."""
    run = _find(client, experiment, reference)
    content = reference.predictions or b""
    digest = hashlib.sha256(repr(sorted(reference.metrics.items())).encode() + content).hexdigest()[:12]
    if run is not None and run.info.status == "FINISHED" and run.data.tags.get("gear.content") == digest:
        if reference.predictions is None or PREDICTIONS in files_of(client, run.info.run_id):
            return
    if run is None:
        tags = {f"gear.{name}": value for name, value in reference.tags.items()}
        tags |= {"gear.kind": KIND, NAME: reference.name, "gear.campaign": campaign}
        tags |= {"gear.pair": reference.pair, "gear.split": reference.split}
        run = client.create_run(experiment, tags=tags, run_name=reference.title)
    now = int(time.time() * 1000)
    client.log_batch(run.info.run_id, [Metric(name, value, now, 0) for name, value in reference.metrics.items()])
    if reference.predictions is not None:
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
            file = Path(scratch) / PREDICTIONS
            file.write_bytes(reference.predictions)
            log_file(client, run, file)
    client.set_tag(run.info.run_id, "gear.content", digest)
    client.set_terminated(run.info.run_id, "FINISHED")


def _find(client: MlflowClient, experiment: str, reference: ReferenceRun) -> Run | None:
    own = {"gear.kind": KIND, NAME: reference.name, "gear.pair": reference.pair, "gear.split": reference.split}
    where = " and ".join(f"tags.`{name}` = '{value}'" for name, value in own.items())
    return next(iter(client.search_runs([experiment], where, max_results=1)), None)
