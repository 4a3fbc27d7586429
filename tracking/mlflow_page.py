"""Where MLflow's own page shows a campaign: the address of its table of runs, with the columns that matter.

The columns come from a saved view of the experiment, which is a tag of it; whoever opens the page without it sees
MLflow's own choice of columns.
"""

import json
import shlex
from urllib.parse import urlsplit

from gear.errors import GearError
from tracking.client import open_client
from tracking.experiments import find_experiment
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import MlflowClient, MlflowException
from tracking.tracking_uri import FILE

__all__ = ["add_view", "runs_address", "runs_words", "ui_command"]

VIEW = "gear"
METRICS, TAGS = ("best_validation_rmse", "test_rmse", "test_r2"), ("gear.status",)
NAME, NAME_WIDTH = "attributes.`Run Name`", 290  # pixels, so that the number of a trial is seen
LOCAL = "http://127.0.0.1:5000"  # of `mlflow ui`


def add_view(client: MlflowClient, experiment: str) -> None:
    """Save the view of an experiment.

    Raises:
        MlflowException: the server is away, or rejects it.
    """
    columns = [f"metrics.`{name}`" for name in METRICS] + [f"tags.`{name}`" for name in TAGS]
    view = {"selectedColumns": columns, "columnOrder": [NAME], "columnWidths": {NAME: NAME_WIDTH}}
    client.set_experiment_tag(experiment, f"mlflow.sharedViewState.{VIEW}", json.dumps(view))


def runs_words(tracking_uri: str, campaign: CampaignIdentity) -> str:
    """Where to see the runs of a campaign, and what to type before; empty where MLflow cannot tell."""
    try:
        found = find_experiment(open_client(tracking_uri), campaign)
    except (GearError, MlflowException):
        return ""
    words = (ui_command(tracking_uri), "" if found is None else runs_address(tracking_uri, found.experiment_id))
    return ", then ".join(filter(None, words)) if found else ""


def runs_address(tracking_uri: str, experiment: str) -> str:
    """The address of an experiment's table of runs; for a database, of a page on this machine."""
    server = tracking_uri.rstrip("/") if urlsplit(tracking_uri).scheme in ("http", "https") else LOCAL
    return f"{server}/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"


def ui_command(tracking_uri: str) -> str:
    """What to type to serve the page of a database; empty for a server, which does."""
    if urlsplit(tracking_uri).scheme in ("http", "https"):
        return ""
    own = [] if tracking_uri == FILE else ["--backend-store-uri", tracking_uri]
    return shlex.join(["mlflow", "ui", "--host", "127.0.0.1", *own])
