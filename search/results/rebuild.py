"""Completes a campaign's record in MLflow from the campaign folder."""

import math

from gear.errors import StorageError
from search.results.mlflow_records import recorded
from search.storage.base import StoragePath
from search.storage.snapshot import Snapshot
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder

__all__ = ["rebuild"]


def rebuild(folder: StoragePath, snapshot: Snapshot, tracking_uri: str) -> None:
    """Write what MLflow lacks of a campaign.

    Raises:
        StorageError: MLflow does not answer, or stops answering.
    """
    plan, head = snapshot.campaign.plan, snapshot.head
    client = open_client(tracking_uri, create=True)
    with Recorder(tracking_uri, CampaignIdentity.of(plan.name, head), client) as recorder:
        recorder.start(lambda: recorded(plan, head["data"], folder))
        if not recorder.flush(math.inf):
            raise StorageError(f"MLflow at {tracking_uri} stopped answering: run this again once it is back")
