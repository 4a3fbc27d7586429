"""Whether every node of a cluster sees the same storage: asked before a campaign starts, not in its first trial."""

import os
import uuid
from collections.abc import Mapping
from typing import Any

from search.folder import Folder

__all__ = ["unreachable"]

ANSWER_SECONDS = 60.0
ADVICE = "use a shared file system or s3://"


def unreachable(storage: Folder) -> list[str]:
    """What is wrong with a storage on the connected Ray, a line a node; nothing where there is one node alone.

    The driver leaves a mark, every other node looks for it and answers beside it, and both are removed again.

    Raises:
        OSError: the storage cannot be written from here.
    """
    import ray

    here = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]  # type: ignore[no-untyped-call]
    if not others:
        return []
    mark = storage.resolved() / f".reach-{uuid.uuid4().hex}"
    try:
        (mark / "driver").write_bytes(b"")
        asked = [_ask(node["NodeID"], mark) for node in others]
        ray.wait(asked, num_returns=len(asked), timeout=ANSWER_SECONDS)
        return [
            f"node {node['NodeManagerAddress']} {_complaint(answer)} {storage}: {ADVICE}"
            for node, answer in zip(others, asked, strict=True)
            if not (mark / node["NodeID"]).exists()
        ]
    finally:
        mark.remove()


def _ask(node: str, mark: Folder) -> Any:  # noqa: ANN401 - Ray's reference
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    # keys as an argument: what Ray puts into a worker's environment it writes to its logs
    return (
        ray.remote(_answer)
        .options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
        .remote(mark, node, mark.credentials())
    )


def _answer(mark: Folder, node: str, credentials: Mapping[str, str]) -> None:
    """On a node: write its name beside the mark, if the mark is there."""
    os.environ.update(credentials)
    if (mark / "driver").exists():
        (mark / node).write_bytes(b"")


def _complaint(answer: Any) -> str:  # noqa: ANN401 - Ray's reference
    import ray

    try:
        ray.get(answer, timeout=0)
    except ray.exceptions.GetTimeoutError:
        return "does not answer whether it sees the campaign folder"
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        return f"cannot use ({type(cause).__name__}) the campaign folder"
    return "does not see the campaign folder"
