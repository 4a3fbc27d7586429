"""What to type to continue a campaign, or to complete its record."""

import shlex

from search.storage.base import StoragePath
from tracking.tracking_uri import DEFAULT_TRACKING_URI

__all__ = ["record_command", "report_command", "resume_command"]


def record_command(name: str, storage: StoragePath, tracking_uri: str) -> str:
    """What to type to complete a campaign's record."""
    return shlex.join(["gear-search", "record", name, "--storage", str(storage), *_tracking(tracking_uri)])


def report_command(tracking_uri: str) -> str:
    """What to type to write the report."""
    return shlex.join(["gear-search", "report", *_tracking(tracking_uri)])


def resume_command(name: str, storage: StoragePath, *more: str) -> str:
    """What to type to continue a campaign."""
    return shlex.join(["gear-search", "run", "--resume", "--name", name, "--storage", str(storage), *more])


def _tracking(uri: str) -> list[str]:
    return [] if uri == DEFAULT_TRACKING_URI else ["--tracking-uri", uri]
