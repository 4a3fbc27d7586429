"""MLflow's databases and server, for the tests beside and below."""

from tests.support.mlflow_fixtures import (  # noqa: F401
    client,
    impatient,
    one_server,
    recorded,
    server,
    uri,
)
