"""Whether every node of a cluster sees the same storage: asked before a campaign starts, not in its first trial."""

import os
import uuid
from collections.abc import Mapping

from search.runtime.node_check import Answer, ask_others
from search.storage.base import StoragePath

__all__ = ["unreachable"]

ADVICE = "use a shared file system or s3://"


def unreachable(storage: StoragePath) -> list[str]:
    """What is wrong with a storage on the connected Ray, a line a node; nothing where there is one node alone.

    The driver leaves a mark, every other node looks for it and writes beside it, and all is removed again.

    Raises:
        OSError: the storage cannot be written from here.
    """
    mark = storage.resolved() / f".reach-{uuid.uuid4().hex}"
    try:
        (mark / "driver").write_bytes(b"")
        # keys as an argument: what Ray puts into a worker's environment it writes to its logs
        answers = ask_others(_sees, mark, mark.credentials())
        return [
            f"node {node} {_complaint(seen)} the campaign folder {storage}: {ADVICE}"
            for node, seen in answers
            if seen is not True
        ]
    finally:
        mark.remove()


def _sees(mark: StoragePath, credentials: Mapping[str, str]) -> bool:
    """On a node: whether the mark is there; raises OSError where nothing can be written beside it."""
    os.environ.update(credentials)
    seen = (mark / "driver").exists()
    if seen:
        (mark / uuid.uuid4().hex).write_bytes(b"")
    return seen


def _complaint(answer: Answer) -> str:
    if isinstance(answer, TimeoutError):
        return "does not answer whether it sees"
    if isinstance(answer, Exception):
        return f"cannot use ({type(answer).__name__})"
    return "does not see"
