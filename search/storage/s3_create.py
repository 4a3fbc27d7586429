"""New objects on S3, by a PUT on the condition that there is none: pyarrow has no such request, boto3 has."""

import functools
from typing import TYPE_CHECKING, Any

from gear.errors import StorageError

if TYPE_CHECKING:
    from search.storage.s3 import S3Path

__all__ = ["CONNECT_SECONDS", "REQUEST_SECONDS", "put_new"]

CONNECT_SECONDS, REQUEST_SECONDS = 5.0, 30.0  # of every request to a store
ATTEMPTS = 4  # of a request, before its failure is raised
EXISTS, CONFLICT = 412, 409  # HTTP status: there is such an object; another such request is being carried out


def put_new(place: "S3Path", data: bytes) -> None:
    """Put an object that does not exist.

    Raises:
        FileExistsError: there is one; where the answer to an earlier attempt was lost, it may be this very one.
        ObjectStoreError: the store cannot be reached, or denies access.
        StorageError: boto3 is not installed.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import ConnectionError as NoConnectionError
    except ImportError as error:
        raise StorageError(
            f"{place}: the driver of a campaign on S3 needs boto3: pip install -c constraints.txt '.[cluster]'"
        ) from error
    bucket, _, key = place.root.partition("/")
    for attempt in range(ATTEMPTS):
        try:
            _client(place.endpoint, place.region).put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == EXISTS:
                raise FileExistsError(f"{place} exists") from None
            if status != CONFLICT or attempt + 1 == ATTEMPTS:
                raise place.error(error.response["Error"]["Code"], "PutObject") from None  # its text may repeat a key
        except (NoConnectionError, HTTPClientError):
            raise place.error("NETWORK_CONNECTION", "PutObject") from None
        except BotoCoreError as error:  # no keys, for instance
            raise place.error(type(error).__name__, "PutObject") from None
        else:
            return


@functools.cache
def _client(endpoint: str | None, region: str | None) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    """The client of a store; there is one in each process."""
    from boto3.session import Session
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=REQUEST_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        request_checksum_calculation="when_required",  # stores other than Amazon's may refuse the newer checksums
        s3={} if endpoint is None else {"addressing_style": "path"},
    )
    return Session().client("s3", endpoint_url=endpoint, region_name=region or "us-east-1", config=config)
