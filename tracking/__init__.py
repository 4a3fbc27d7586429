"""Tracking: what happened, in MLflow. The driver of a campaign is the one writer.

Runs and metrics (`recorder`), the registered winners (`registry`), what is taken away (`export`).
"""

import os

# read by MLflow when it is imported: nothing is sent anywhere, and a server that is away fails fast
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SKIP_PIP_REQUIREMENTS_CHECK": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)
# not for a user to change: a request whose answer was lost must not be sent again unseen, or it makes a second run
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
