"""Resources of the nodes of the connected Ray, and the number of trials that run on them at once."""

import math
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from gear.errors import GearError
from gear.machine import home_path, usable_cpus
from search.plan.settings import SearchSettings

__all__ = ["Slots", "has_gpu", "largest", "machine_cpus", "nodes", "startable", "too_small", "trials_on"]

COUNT_SECONDS = 2.0  # between two queries of the nodes
BOOTSTRAP = home_path("~/ray_bootstrap_config.yaml")  # written by `ray up` on the head, for the autoscaler


def machine_cpus() -> int:
    """The number of cores that this process may use."""
    return usable_cpus()


class Slots:
    """How many trials the connected Ray runs at once, and how many may be submitted to it.

    Where nodes can join, one trial more than fits is submitted, so that a new node has work at once; where Ray's
    autoscaler starts nodes, as many as fit on all nodes that it may start.

    Args:
        settings: of the search, with the resources of a trial.
        maximum: number of trials at once that the user allows; None for no limit.
        grows: whether nodes can join.

    Raises:
        GearError: a trial fits neither on any node nor on one that the autoscaler could start.
    """

    def __init__(self, settings: SearchSettings, maximum: int | None = None, *, grows: bool = False) -> None:
        self._settings, self._maximum, self._grows = settings, maximum, grows
        self._startable = startable(settings) if grows else 0
        self._counted = -math.inf
        if not max(self.now(), self._startable):
            raise GearError(too_small(settings))

    def now(self) -> int:
        """The number of trials that run at once on the present nodes."""
        if time.monotonic() - self._counted >= COUNT_SECONDS:
            self._counted, self._fitting = time.monotonic(), sum(trials_on(node, self._settings) for node in nodes())
        return min(self._fitting, self._maximum or self._fitting)

    def limit(self) -> int:
        """The number of trials that may be submitted and not ended."""
        wanted = max(self.now() + 1, self._startable) if self._grows else self.now()
        return min(wanted, self._maximum or wanted)


def startable(settings: SearchSettings, config: Path = BOOTSTRAP) -> int:
    """The number of trials that fit on all nodes that the autoscaler of this machine, a cluster's head, may start."""
    return sum(trials_on(node, settings) for node in startable_nodes(config))


def startable_nodes(config: Path = BOOTSTRAP) -> list[dict[str, float]]:
    """The resources of those nodes; where only a part of them may run at once, of those with most GPUs and CPUs."""
    try:
        bootstrap = yaml.safe_load(config.read_text())
        kinds = [
            kind for name, kind in bootstrap["available_node_types"].items() if name != bootstrap["head_node_type"]
        ]
        found = [dict(kind["resources"]) for kind in kinds for _ in range(kind.get("max_workers", 0))]
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return []  # this is not a head of `ray up`, or its nodes are fixed
    found.sort(key=lambda node: (node.get("GPU", 0), node.get("CPU", 0)), reverse=True)
    return found[: bootstrap.get("max_workers", len(found))]


def too_small(settings: SearchSettings) -> str:
    """The message where a trial fits on no node."""
    needs = f"{settings.cpus_per_trial} CPUs and {settings.gpus_per_trial:g} GPUs"
    return f"no node has the {needs} of a trial: lower --cpus-per-trial or --gpus-per-trial"


def nodes() -> list[dict[str, float]]:
    """The resources of every node of the connected Ray, by Ray's names."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def largest() -> list[dict[str, float]]:
    """The resources of the nodes of the connected Ray once it has started all that it may."""
    return startable_nodes() or nodes()


def has_gpu() -> bool:
    """Whether the connected Ray has a GPU, or may start a node with one."""
    return any(node.get("GPU") for node in largest())


def trials_on(node: Mapping[str, float], settings: SearchSettings) -> int:
    """The number of trials that a node with these resources runs at once."""
    by_cpu = int(node.get("CPU", 0) // settings.cpus_per_trial)
    if not settings.gpus_per_trial:
        return by_cpu
    return min(by_cpu, int(node.get("GPU", 0) / settings.gpus_per_trial + 1e-9))
