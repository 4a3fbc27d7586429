"""Storage of either kind and MLflow's databases, for the tests beside and below."""

from tests.support.mlflow_fixtures import uri  # noqa: F401
from tests.support.storage_fixtures import make_old, refuse, s3, server, storage  # noqa: F401
