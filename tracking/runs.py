"""Finds the runs of a recorded campaign, and attaches files to them."""

import hashlib
from pathlib import Path

from gear.errors import StorageError
from tracking.client import open_client
from tracking.mlflow_api import MlflowClient, MlflowException, Run

__all__ = ["PREDICTIONS", "attach", "find_experiments", "find_run", "log_file"]

PREDICTIONS = "predictions.parquet"  # artifact of the run of a study or reference: predictions for held-out molecules


def find_experiments(client: MlflowClient, campaign: str, created: str) -> list[str]:
    """The id of a campaign's experiment, `created` as in `find_run`; none where it is not recorded."""
    named = map(client.get_experiment_by_name, (campaign, f"{campaign} {created}"))
    return [str(e.experiment_id) for e in named if e and e.tags.get("gear.created", "") == created]


def find_run(client: MlflowClient, campaign: str, created: str, study: str, trial: int | None) -> Run:
    """The run of a trial, or of a study where `trial` is None.

    Args:
        client: of MLflow.
        campaign: its name.
        created: distinguishes it from another campaign of the same name.
        study: its name.
        trial: its number.

    Raises:
        StorageError: there is no such run.
    """
    experiments = find_experiments(client, campaign, created)
    own = "tags.`gear.kind` = 'study'" if trial is None else f"tags.`gear.trial` = '{trial}'"
    where = f"tags.`gear.study` = '{study}' and {own}"
    found = client.search_runs(experiments, where, max_results=1) if experiments else []
    if not found:
        name = study if trial is None else f"trial {study} #{trial}"
        raise StorageError(f"{name} is not recorded in MLflow")
    return found[0]


def attach(tracking_uri: str, campaign: str, created: str, study: str, file: Path) -> None:
    """Attach a file to the run of a study, unless the run has it.

    Raises:
        StorageError: the study is not recorded, or MLflow cannot be written.
    """
    client = open_client(tracking_uri)
    run = find_run(client, campaign, created, study, None)
    try:
        log_file(client, run, file)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot write {file.name} to {tracking_uri}: {error}") from error


def log_file(client: MlflowClient, run: Run, file: Path) -> None:
    """Log a file as an artifact of a run, unless the run has it.

    Raises:
        MlflowException, OSError: MLflow cannot be written.
    """
    digest, tag = hashlib.sha256(file.read_bytes()).hexdigest()[:12], f"gear.file.{file.name}"
    if run.data.tags.get(tag) != digest:
        client.log_artifact(run.info.run_id, str(file))
        client.set_tag(run.info.run_id, tag, digest)
