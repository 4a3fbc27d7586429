"""Checks before a campaign starts that every node of the cluster can read and write the same storage."""

import os
import uuid
from collections.abc import Mapping

from search.runtime.node_check import Answer, ask_others
from search.storage.base import StoragePath

__all__ = ["unreachable"]

ADVICE = "use a shared file system or s3://"


def unreachable(storage: StoragePath) -> list[str]:
    """The nodes of the connected Ray that cannot use a storage: a line for each; none where there is only one node.

    The driver writes a file, every other node looks for it and writes one beside it, and all are removed again.

    Raises:
        OSError: the storage cannot be written from this node.
    """
    probe = storage.resolved() / f".reach-{uuid.uuid4().hex}"
    try:
        (probe / "driver").write_bytes(b"")
        # keys as an argument: Ray writes to its logs what it puts into the environment of a worker
        answers = ask_others(_check_from_node, probe, probe.credentials())
        return [
            f"node {node} {_complaint(seen)} the campaign folder {storage}: {ADVICE}"
            for node, seen in answers
            if seen is not True
        ]
    finally:
        probe.remove()


def _check_from_node(probe: StoragePath, credentials: Mapping[str, str]) -> bool:
    """Whether a node sees the driver's file; runs there.

    Raises:
        OSError: the node cannot write beside it.
    """
    os.environ.update(credentials)
    seen = (probe / "driver").exists()
    if seen:
        (probe / uuid.uuid4().hex).write_bytes(b"")
    return seen


def _complaint(answer: Answer) -> str:
    if isinstance(answer, TimeoutError):
        return "does not answer whether it sees"
    if isinstance(answer, Exception):
        return f"cannot use ({type(answer).__name__})"
    return "does not see"
