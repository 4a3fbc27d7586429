"""Writes a report: the page, a folder of its plots, and both as artifacts in MLflow."""

from collections.abc import Sequence
from pathlib import Path

from gear.drafts import draft_file
from gear.errors import StorageError
from tracking.client import artifact_location
from tracking.mlflow_api import MlflowClient, MlflowException, get_artifact_repository
from tracking.report.campaigns import CampaignRecord
from tracking.report.drawing import to_svg
from tracking.report.page import Page
from tracking.report.raster import to_png

__all__ = ["log_report", "plots_folder", "write_page"]

RUN, TAG, PLOTS = "report", "gear.report", "plots"
SHARED = "reports"  # the experiment of reports on several campaigns


def plots_folder(to: Path) -> Path:
    """The folder of a page's plots, beside it."""
    return to.with_name(f"{to.stem}-plots")


def write_page(page: Page, to: Path) -> None:
    """Write the page, and each of its drawings as SVG and PNG; plots of an earlier page are removed.

    Raises:
        StorageError: the files cannot be written.
    """
    folder = plots_folder(to)
    if folder.is_symlink():
        raise StorageError(f"cannot write the plots: {folder} is a link, whose files would be replaced: remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (*folder.glob("*.svg"), *folder.glob("*.png")):
            old.unlink()
        for drawing in page.drawings:
            with draft_file(folder / f"{drawing.name}.svg") as draft:
                draft.write_text(to_svg(drawing), encoding="utf-8")
            with draft_file(folder / f"{drawing.name}.png") as draft:
                draft.write_bytes(to_png(drawing))
        with draft_file(to) as draft:
            draft.write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {to}: {error.strerror or error}") from error


def log_report(client: MlflowClient, tracking_uri: str, campaigns: Sequence[CampaignRecord], to: Path) -> str:
    """Log a written report in the experiment of its campaign, or of several campaigns in one of its own.

    It replaces an earlier report on the same campaigns.

    Returns:
        The id of its run.

    Raises:
        StorageError: MLflow cannot be written.
    """
    try:
        experiment = campaigns[0].experiment_id if len(campaigns) == 1 else _shared(client, tracking_uri)
        run = _emptied_run(client, experiment, ", ".join(campaign.name for campaign in campaigns))
        client.log_artifact(run, str(to))
        client.log_artifacts(run, str(plots_folder(to)), PLOTS)
        client.set_terminated(run)
    except (MlflowException, OSError) as error:
        raise StorageError(f"{to} is written, but cannot be logged in {tracking_uri}: {error}") from error
    return run


def _emptied_run(client: MlflowClient, experiment: str, covered: str) -> str:
    """The run of reports on these campaigns, without the plots of the previous report."""
    for run in client.search_runs([experiment], f"attributes.run_name = '{RUN}'"):
        if run.data.tags.get(TAG) == covered:
            if any(artifact.path == PLOTS for artifact in client.list_artifacts(run.info.run_id)):
                repository = get_artifact_repository(run.info.artifact_uri)  # a client cannot delete
                repository.delete_artifacts(PLOTS)  # type: ignore[no-untyped-call]
            client.update_run(run.info.run_id, status="RUNNING")
            return str(run.info.run_id)
    return str(client.create_run(experiment, tags={TAG: covered}, run_name=RUN).info.run_id)


def _shared(client: MlflowClient, tracking_uri: str) -> str:
    found = client.get_experiment_by_name(SHARED)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(SHARED, artifact_location(tracking_uri, SHARED)))
