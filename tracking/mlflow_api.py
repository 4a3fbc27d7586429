"""The names of MLflow that this package uses, imported with MLflow's telemetry off.

MLflow decides when it is imported whether it reports usage to its makers, so every module here takes its names from
this one. The variables that turn telemetry off, and the home folder that it asks for, are unset again after the import;
who sets them otherwise is obeyed.
"""

from gear.environment import with_defaults, with_home

__all__ = [
    "DATABASE_ENGINES",
    "ERROR_CODE_TO_HTTP_STATUS",
    "AnyType",
    "ColSpec",
    "Experiment",
    "LifecycleStage",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "ModelSignature",
    "ModelVersion",
    "Param",
    "RegisteredModel",
    "Run",
    "RunTag",
    "Schema",
    "SqlLatestMetric",
    "SqlMetric",
    "SqlParam",
    "SqlRun",
    "SqlTag",
    "get_artifact_repository",
    "get_default_host_creds",
    "http_request_safe",
    "mlflow",
]

with with_home(), with_defaults({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}):
    import mlflow
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, LifecycleStage, Metric, Param, Run, RunTag
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS, MlflowException
    from mlflow.models import ModelSignature
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request_safe
