"""A user's files beside a campaign that was copied or moved with them, as where a whole project folder was.

A plan holds their absolute paths. A file that now lies where the recorded one lay, seen from the campaign folder, takes
its place; the hashes of the data, which a resume compares, tell whether it is the same.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search.storage.base import StoragePath
from search.storage.local import LocalPath

__all__ = ["moved_files", "with_moved_files"]


def with_moved_files(plan: Mapping[str, Any], place: str | None, folder: StoragePath) -> dict[str, Any]:
    """A recorded plan with the user's files where they lie now.

    Args:
        plan: the plain dict of a plan.
        place: of the campaign folder when it was last driven, if that was recorded.
        folder: of the campaign.
    """
    found: dict[str, Any] = _mapped(dict(plan), lambda file: _moved(file, place, folder) or file)
    return found


def moved_files(plan: Mapping[str, Any], place: str | None, folder: StoragePath) -> dict[str, str]:
    """Where each of the user's files lies now, by its recorded path; of those that were moved with the campaign."""
    found: dict[str, str] = {}

    def note(file: str) -> str:
        if moved := _moved(file, place, folder):
            found[file] = moved
        return file

    _mapped(dict(plan), note)
    return found


def _moved(file: str, place: str | None, folder: StoragePath) -> str | None:
    here = folder.resolved()
    if place is None or not isinstance(here, LocalPath) or not os.path.isabs(place) or place == str(here):
        return None
    beside = os.path.normpath(here.path / os.path.relpath(file, place))
    return beside if beside != file and Path(beside).is_file() else None


def _mapped(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any value of a plan
    """A value of a plan in which the absolute paths of files were changed."""
    if isinstance(value, dict):
        return {name: change(item) if _is_file(name, item) else _mapped(item, change) for name, item in value.items()}
    return [_mapped(item, change) for item in value] if isinstance(value, list) else value


def _is_file(name: str, value: Any) -> bool:  # noqa: ANN401 - any value of a plan
    """Whether it is a table of a task or a file of pretrained weights."""
    return name in ("file", "pretrained") and isinstance(value, str) and os.path.isabs(value)
