"""Finds the runs of a recorded campaign, and attaches files to them."""

import hashlib
from pathlib import Path
from typing import Final

from gear.errors import StorageError
from tracking.client import open_client
from tracking.experiments import find_experiment
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import MlflowClient, MlflowException, Run

__all__ = ["FILE_TAG", "PLAN", "PREDICTIONS", "SUPERSEDED", "attach", "files_of", "find_run", "log_file"]

FILE_TAG = "gear.file."  # and the name of an artifact: the digest of its content
PLAN = "plan.toml"  # artifact of the run of a study: the plan of its campaign
SUPERSEDED: Final = "superseded"  # status of a result that its campaign does not deliver any more
PREDICTIONS = "predictions.parquet"  # artifact of the run of a study or reference: predictions for held-out molecules


def find_run(client: MlflowClient, campaign: CampaignIdentity, study: str, trial: int | None) -> Run:
    """The run of a trial, or of a study where `trial` is None.

    Args:
        client: of MLflow.
        campaign: of the run.
        study: its name.
        trial: its number.

    Raises:
        StorageError: there is no such run.
    """
    experiment = find_experiment(client, campaign)
    own = "tags.`gear.kind` = 'study'" if trial is None else f"tags.`gear.trial` = '{trial}'"
    where = f"tags.`gear.study` = '{study}' and {own}"
    found = client.search_runs([experiment.experiment_id], where, max_results=1) if experiment else []
    if not found:
        name = study if trial is None else f"trial {study} #{trial}"
        raise StorageError(f"{name} is not recorded in MLflow")
    return found[0]


def attach(tracking_uri: str, campaign: CampaignIdentity, study: str, file: Path) -> None:
    """Attach a file to the run of a study, unless the run has it.

    Raises:
        StorageError: the study is not recorded, or MLflow cannot be written.
    """
    client = open_client(tracking_uri)
    run = find_run(client, campaign, study, None)
    try:
        log_file(client, run, file)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot write {file.name} to {tracking_uri}: {error}") from error


def log_file(client: MlflowClient, run: Run, file: Path) -> None:
    """Log a file as an artifact of a run, unless the run has it.

    Raises:
        MlflowException, OSError: MLflow cannot be written.
    """
    digest, tag = hashlib.sha256(file.read_bytes()).hexdigest()[:12], FILE_TAG + file.name
    if run.data.tags.get(tag) != digest or file.name not in files_of(client, run.info.run_id):
        client.log_artifact(run.info.run_id, str(file))
        client.set_tag(run.info.run_id, tag, digest)


def files_of(client: MlflowClient, run_id: str) -> set[str]:
    """The paths of a run's artifacts that are found; those that were recorded and are not there are missing.

    Raises:
        MlflowException, OSError: MLflow cannot be read.
    """
    return {file.path for file in client.list_artifacts(run_id)}
