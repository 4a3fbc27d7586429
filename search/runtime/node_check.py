"""Checks before a campaign starts that every node of the cluster has the software and files of the driver's node."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gear.plugins import source_of

__all__ = ["Answer", "ask_others", "different", "facts"]

ANSWER_SECONDS = 60.0
PACKAGES = (
    "ray",
    "torch",
    "chemprop",
    "rdkit",
    "cuik-molmaker-pin",
    "numpy",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "lightgbm",
)
CODE = ("gear", "search", "tracking")

Answer = Any  # the return value of the function, or the exception that it raised


def different(files: Sequence[str] = (), plugins: Sequence[str] = ()) -> list[str]:
    """How the other nodes of the connected Ray differ from this one: a line for each node that does.

    Args:
        files: the files that trials read, as the campaign names them.
        plugins: import paths of the user's own code that trials run.
    """
    here = facts(files, plugins)
    answers = ask_others(facts, files, plugins)
    return [f"node {node} {_complaint(here, there)}" for node, there in answers if there != here]


def facts(files: Sequence[str] = (), plugins: Sequence[str] = ()) -> dict[str, str]:
    """What must be the same on every node: versions of Python and packages, digests of code and users' files."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        found[name] = importlib.metadata.version(name).partition("+")[0]  # without the tag of the build, CPU or CUDA
    root = Path(__file__).parents[2]
    found["the code"] = _digest([path for package in CODE for path in _code(root / package)])
    for file in files:
        found[file] = _digest([Path(file)]) if Path(file).exists() else "missing"
    for path in plugins:
        source = source_of(path)
        found[path] = "missing" if source is None else _digest([source] if source.is_file() else _code(source))
    return found


def _code(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def ask_others(function: Callable[..., Any], *arguments: object) -> Iterator[tuple[str, Answer]]:
    """Call a function on every node of the connected Ray except this one; gives address and answer of each."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]  # type: ignore[no-untyped-call]
    asked = []
    for node in others:
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
        asked.append(task.remote(*arguments))
    ray.wait(asked, num_returns=len(asked), timeout=ANSWER_SECONDS) if asked else None
    for node, answer in zip(others, asked, strict=True):
        yield node["NodeManagerAddress"], _result(answer)


def _result(answer: Any) -> Answer:  # noqa: ANN401 - a reference of Ray's
    import ray

    try:
        return ray.get(answer, timeout=0)
    except ray.exceptions.GetTimeoutError:
        return TimeoutError()
    except ray.exceptions.RayError as error:
        return getattr(error, "cause", None) or error


def _complaint(here: dict[str, str], there: Answer) -> str:
    if isinstance(there, TimeoutError):
        return f"does not answer within {ANSWER_SECONDS:g} s: see ray status"
    if isinstance(there, Exception):
        return f"cannot run this program ({type(there).__name__}): install it there as here, which ray up does"
    odd = [_difference(name, here[name], there.get(name, "missing")) for name in here if there.get(name) != here[name]]
    return f"is not like this one: {', '.join(odd)}; ray up installs the same"


def _difference(name: str, here: str, there: str) -> str:
    """The difference of one fact: versions are shown, digests are not."""
    if name in ("Python", *PACKAGES):
        return f"{name} {there}, here {here}"
    return f"{name} {'is missing' if there == 'missing' else 'differs'}"


def _digest(files: Sequence[Path]) -> str:
    content = hashlib.sha256()
    for file in files:
        content.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return content.hexdigest()
