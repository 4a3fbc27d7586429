"""A campaign is where its folder lies: what to change in a campaign.json that was copied, moved or renamed.

In MLflow a campaign is known by its name and the time of its creation. So a renamed folder is another campaign there,
and a copy that kept its name gets a time of creation of its own: neither adds to the runs of the original.
"""

import datetime
from typing import Any

from gear.errors import StorageError
from search.storage.base import StoragePath
from search.storage.campaign_store import read_head
from search.storage.locate import open_folder

__all__ = ["relocated"]


def relocated(folder: StoragePath) -> tuple[dict[str, Any], list[str]]:
    """The contents of campaign.json as they are right where the folder lies now, and a line for each change.

    Raises:
        StorageError: there is no campaign, or one of a future format.
    """
    head, changes = read_head(folder), []
    if (name := head["plan"].get("name")) != folder.name:
        head["plan"] = head["plan"] | {"name": folder.name}
        changes.append(f"{folder} was recorded as campaign {name}: it goes on as campaign {folder.name}")
    if _is_copy(folder, head):
        changes.append(f"{folder} is a copy of {head['place']}: MLflow records it as a campaign of its own")
        head["created"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return head, changes


def _is_copy(folder: StoragePath, head: dict[str, Any]) -> bool:
    """Whether the campaign is also where it was recorded; a campaign that was moved is not."""
    place = head.get("place")  # missing in a campaign of an earlier version
    if place is None or place == str(folder.resolved()):
        return False
    try:
        original = open_folder(place)
        return read_head(original)["created"] == head["created"] and not original.same_as(folder)
    except (OSError, StorageError):
        return False
