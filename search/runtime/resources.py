"""What the connected Ray has room for: nodes, and how many trials run on them at once."""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from gear.errors import GearError
from search.plan.settings import SearchSettings

__all__ = ["Slots", "has_gpu", "largest", "machine_cpus", "nodes", "startable", "too_small", "trials_on"]

COUNT_SECONDS = 2.0  # between two looks at which nodes are up
BOOTSTRAP = Path("~/ray_bootstrap_config.yaml").expanduser()  # what `ray up` leaves on the head for the autoscaler


def machine_cpus() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Slots:
    """How many trials the connected Ray runs at once, and how many may be handed out to it.

    A cluster that others can join is always handed one trial more than it has room for, so that a new node has work at
    once; where Ray's autoscaler starts nodes, as many as it may start.

    Args:
        settings: what a trial needs.
        most: that the user wants at once, if that is limited.
        grows: whether nodes can join.

    Raises:
        GearError: not one trial fits on any node, nor on one that the autoscaler could start.
    """

    def __init__(self, settings: SearchSettings, most: int | None = None, *, grows: bool = False) -> None:
        self._settings, self._most, self._grows = settings, most, grows
        self._startable = startable(settings) if grows else 0
        self._counted = -math.inf
        if not max(self.now(), self._startable):
            raise GearError(too_small(settings))

    def now(self) -> int:
        """Trials that run at once on the nodes that are up."""
        if time.monotonic() - self._counted >= COUNT_SECONDS:
            self._counted, self._fitting = time.monotonic(), sum(trials_on(node, self._settings) for node in nodes())
        return min(self._fitting, self._most or self._fitting)

    def limit(self) -> int:
        """Trials that may be handed out and not ended."""
        wanted = max(self.now() + 1, self._startable) if self._grows else self.now()
        return min(wanted, self._most or wanted)


def startable(settings: SearchSettings, config: Path = BOOTSTRAP) -> int:
    """Trials that fit on all the nodes that the autoscaler of this machine, a cluster's head, may have at once."""
    return sum(trials_on(node, settings) for node in startable_nodes(config))


def startable_nodes(config: Path = BOOTSTRAP) -> list[dict[str, float]]:
    """Resources of those nodes, the best equipped ones where it may not have all."""
    try:
        told = yaml.safe_load(config.read_text())
        kinds = [kind for name, kind in told["available_node_types"].items() if name != told["head_node_type"]]
        found = [dict(kind["resources"]) for kind in kinds for _ in range(kind.get("max_workers", 0))]
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return []  # no head of `ray up`, or one whose nodes are all there
    found.sort(key=lambda node: (node.get("GPU", 0), node.get("CPU", 0)), reverse=True)
    return found[: told.get("max_workers", len(found))]


def too_small(settings: SearchSettings) -> str:
    """What to say where not one trial fits on any node."""
    needs = f"{settings.cpus_per_trial} CPUs and {settings.gpus_per_trial:g} GPUs"
    return f"no node has the {needs} of a trial: lower --cpus-per-trial or --gpus-per-trial"


def nodes() -> list[dict[str, float]]:
    """Resources of every node of the connected Ray, as Ray calls them."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def largest() -> list[dict[str, float]]:
    """The nodes of the connected Ray when it has all it may start."""
    return startable_nodes() or nodes()


def has_gpu() -> bool:
    """Whether the connected Ray has a GPU, or would start a node with one."""
    return any(node.get("GPU") for node in largest())


def trials_on(node: Mapping[str, float], settings: SearchSettings) -> int:
    """Trials that a node of these resources can run at once."""
    by_cpu = int(node.get("CPU", 0) // settings.cpus_per_trial)
    if not settings.gpus_per_trial:
        return by_cpu
    return min(by_cpu, int(node.get("GPU", 0) / settings.gpus_per_trial + 1e-9))
