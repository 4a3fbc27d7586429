"""Where MLflow's record is, unless a command says otherwise. Imports nothing, unlike `tracking.client`."""

import os

__all__ = ["DEFAULT_TRACKING_URI"]

# without the variable, what a bare `mlflow ui` in the same folder shows
DEFAULT_TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
