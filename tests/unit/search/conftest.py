"""Storage of either kind, for the tests beside and below."""

from tests.support.storage_fixtures import make_old, refuse, s3, server, storage  # noqa: F401
