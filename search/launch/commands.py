"""What to type to continue a campaign, or to complete its record."""

import shlex

from search.storage.base import StoragePath
from tracking.tracking_uri import DEFAULT_TRACKING_URI

__all__ = ["record_command", "resume_command"]


def record_command(name: str, storage: StoragePath, tracking_uri: str) -> str:
    """What to type to complete a campaign's record."""
    more = [] if tracking_uri == DEFAULT_TRACKING_URI else ["--tracking-uri", tracking_uri]
    return shlex.join(["gear-search", "record", name, "--storage", str(storage), *more])


def resume_command(name: str, storage: StoragePath, *more: str) -> str:
    """What to type to continue a campaign."""
    return shlex.join(["gear-search", "run", "--resume", "--name", name, "--storage", str(storage), *more])
