"""A campaign is where its folder lies: what to change in a campaign.json that was copied, moved or renamed.

A campaign is known by its id, in MLflow too. A copy gets an id of its own, so that it does not add to the runs of the
original; a campaign that was moved or renamed keeps it.
"""

import datetime
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from gear.errors import StorageError
from search.storage.base import StoragePath
from search.storage.campaign_store import PLAN, CampaignStore, read_head
from search.storage.locate import open_folder
from search.storage.moved_files import moved_files, with_moved_files

__all__ = ["relocated", "settle_copy"]


def relocated(folder: StoragePath) -> tuple[dict[str, Any], list[str]]:
    """The contents of campaign.json as they are right where the folder lies now, and a line for each change.

    Raises:
        StorageError: there is no campaign, or one of a future format.
    """
    head, changes = read_head(folder), []
    if (name := head["plan"].get("name")) != folder.name:
        changes.append(f"{folder} was recorded as campaign {name}: it goes on as campaign {folder.name}")
    for file, moved in moved_files(head["plan"], head.get("place"), folder).items():
        changes.append(f"{file} is read from {moved}, beside {folder}")
    if _is_copy(folder, head):
        changes.append(f"{folder} is a copy of {head['place']}: MLflow records it as a campaign of its own")
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        head |= {"id": secrets.token_hex(8), "created": now}
    head.setdefault("id", secrets.token_hex(8))  # of an earlier version
    head["plan"] = with_moved_files(head["plan"], head.get("place"), folder) | {"name": folder.name}
    return head, changes


def settle_copy(folder: StoragePath, say: Callable[[str], None]) -> None:
    """Let a copy that was not resumed yet be a campaign of its own, before it is recorded; any other stays as it is.

    Raises:
        StorageError: there is no campaign, another driver works on it, or it cannot be written.
    """
    if not _is_copy(folder, read_head(folder)):
        return
    head, changes = relocated(folder)
    with CampaignStore.resume(folder) as store:
        store.update(head, (folder / PLAN).read_text())
    for change in changes:
        say(change)


def _is_copy(folder: StoragePath, head: Mapping[str, Any]) -> bool:
    """Whether the campaign is also where it was recorded; a campaign that was moved is not."""
    place = head.get("place")  # missing in a campaign of an earlier version
    if place is None or place == str(folder.resolved()):
        return False
    try:
        original = open_folder(place)
        return _same(read_head(original), head) and not original.same_as(folder)
    except (OSError, StorageError):
        return False


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two campaign.json are of one campaign; where one has no id yet, by the time when it was begun."""
    which = "id" if "id" in one and "id" in other else "created"
    return bool(one[which] == other[which])
