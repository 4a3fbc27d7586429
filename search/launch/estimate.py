"""Before a campaign: what its trials take, and what would not fit. `gear-search run --dry-run` prints it."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from gear.config import PairSpec
from gear.data import load_pair, parse_split
from gear.data.builtin.tables import is_built
from gear.evaluation.diagnostics import expected_memory_mb
from gear.machine import usable_memory
from gear.methods import base_of, find_method
from gear.variants import with_values
from search.campaign.arrays import most
from search.campaign.proposer import random_configs
from search.launch.advice import advice
from search.launch.durations import duration
from search.launch.timing import Cell, TrialTime, trial_times
from search.plan.campaign_plan import CampaignPlan
from search.runtime import resources

if TYPE_CHECKING:
    from gear.data import PairData

__all__ = ["Probe", "advised", "probe", "report", "this_machine"]

GPU_MEMORY = "GPU memory"
SMALL_FILE = 100_000  # bytes: a few thousand molecules
DRAWN, TIMED = 100, 3  # configurations of the space, random ones: whose memory is estimated, and of them timed
Nodes = Sequence[Mapping[str, float]]  # their resources, as Ray calls them; memory in bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """What a trial of a method takes.

    Attributes:
        method: its name.
        memory_mb: of one, at most over the space.
        array_mb: of as many as a worker trains as one array.
        times: seconds by pair and split, of those whose data are at hand.
    """

    method: str
    memory_mb: float
    array_mb: float
    times: Mapping[tuple[str, str], TrialTime] = field(default_factory=dict)

    def time(self, place: tuple[str, str]) -> float:
        """Seconds of a trial as a mean of the space; where it was not timed, as a mean of where it was."""
        found = self.times.get(place)
        return fmean(one.mean for one in self.times.values()) if found is None else found.mean


def probe(plan: CampaignPlan) -> list[Probe]:
    """Estimate each method of a plan; no time where building the data would take long."""
    pairs = [pair for pair in plan.pairs if _at_hand(pair)]
    if pairs:
        import torch

        torch.set_num_threads(plan.search.cpus_per_trial)
    cells = {(pair.id, split): _cell(pair, split, plan) for pair, split in itertools.product(pairs, plan.splits)}
    return [_probed(method, plan, cells) for method in plan.methods]


def advised(plan: CampaignPlan) -> list[str]:
    """What to do otherwise with files of one's own that are read within seconds, in lines."""
    own = [pair for pair in plan.pairs if pair.target.file is not None and _at_hand(pair)]
    found = []
    for pair, split in itertools.product(own, plan.splits):
        data = load_pair(pair, split, plan.search.split_seed)
        found += [f"{pair.id} {split}: {line}" for line in advice(plan, split, data)]
    return found


def _cell(pair: PairSpec, split: str, plan: CampaignPlan) -> Cell:
    folds = plan.folds(split, "search")

    def load() -> "list[PairData]":
        return [load_pair(pair, split, plan.search.split_seed, fold) for fold in range(folds)]

    first = load_pair(pair, split, plan.search.split_seed)
    return Cell(len(first.target.train.rows), sum(len(one.train.rows) for one in first.sources), folds, load)


def _probed(method: str, plan: CampaignPlan, cells: Mapping[tuple[str, str], Cell]) -> Probe:
    folds = max(plan.folds(split, "search") for split in plan.splits)
    configs = [base_of(method, plan.config), *random_configs(method, plan.config, plan.search.vary, DRAWN)]
    configs = [with_values(config, {"embedding.pretrained": "none"}) for config in configs]  # takes the same time
    joined = most(plan.search, "search") if find_method(configs[0].method).joins else 1
    memory, of_array = (max(expected_memory_mb(config, folds * trials) for config in configs) for trials in (1, joined))
    return Probe(method, memory, of_array, trial_times(configs[: 1 + TIMED], cells))


def report(
    plan: CampaignPlan, nodes: Nodes, concurrency: int | None, probes: Sequence[Probe], misfits: Sequence[str] = ()
) -> list[str]:
    """The estimate in lines.

    Args:
        plan: of the campaign.
        nodes: that it would run on.
        concurrency: most trials at once, if that is limited.
        probes: of its methods.
        misfits: what is known already not to fit.
    """
    room = [resources.trials_on(node, plan.search) for node in nodes]
    slots = min(sum(room), concurrency or sum(room))
    total = {name: sum(node.get(name, 0.0) for node in nodes) for name in ("CPU", "GPU", "memory")}
    return [
        f"resources: {len(nodes)} {'node' if len(nodes) == 1 else 'nodes'} with {total['CPU']:g} CPUs, "
        f"{total['GPU']:g} GPUs and {total['memory'] / 2**30:.0f} GB: {slots} trials at once",
        *(f"  a trial of {found.method} on {line}" for found in probes for line in _trial(plan, found)),
        *_whole(plan, slots, probes),
        *_unknown(plan, nodes),
        *(f"does not fit: {reason}" for reason in (*misfits, *_misfits(plan, nodes, room, slots, probes))),
    ]


def this_machine() -> dict[str, float]:
    """The resources of this machine, and under `GPU memory` the bytes of its smallest GPU."""
    import torch

    gpus = [torch.cuda.get_device_properties(gpu).total_memory for gpu in range(torch.cuda.device_count())]
    found: dict[str, float] = {"CPU": resources.machine_cpus(), "GPU": len(gpus), "memory": usable_memory()}
    return found | ({GPU_MEMORY: min(gpus)} if gpus else {})


def _at_hand(pair: PairSpec) -> bool:
    """Whether the data of a pair are built, or are a user's files that are read within seconds."""
    return all(
        is_built(task.property) if task.file is None else Path(task.file).stat().st_size <= SMALL_FILE
        for task in (pair.target, *pair.sources)
    )


def _trial(plan: CampaignPlan, found: Probe) -> Iterator[str]:
    """Where a trial of a method was timed, and what it takes there: a line for each number of labels and folds."""
    memory = f"up to {found.memory_mb / 2**10:.1f} GB"
    groups: dict[tuple[int | None, int], list[str]] = {}
    for split in plan.splits:
        groups.setdefault((parse_split(split).labels, plan.folds(split, "search")), []).append(split)
    for (_, folds), splits in groups.items():
        of_folds = f", {folds} validation folds" if folds > 1 else ""
        places = [(pair.id, split) for pair in plan.pairs for split in splits]
        times = [found.times[place] for place in places if place in found.times]
        several = f"{', '.join(splits)}, mean of {len(plan.pairs)} pairs"
        where = (several if len(plan.pairs) > 1 else f"{plan.pairs[0].id} {', '.join(splits)}") + of_folds
        if not times:
            yield f"{where}: {memory}, time not probed: its data are not built yet"
            continue
        means = (duration(fmean(one.by_default for one in times)), duration(fmean(one.mean for one in times)))
        yield "{}: {}, {} by default, {} as a mean of the space".format(where, memory, *means)


def _whole(plan: CampaignPlan, slots: int, probes: Sequence[Probe]) -> list[str]:
    """The time of the whole campaign, trials on fresh seeds included."""
    if not slots or any(not found.times for found in probes):
        return []
    search = plan.search
    trials = search.trials + (search.finalists * search.finalist_seeds if search.finalists > 1 else 0)
    places = [(pair.id, split) for pair in plan.pairs for split in plan.splits]
    seconds = trials * sum(found.time(place) for found in probes for place in places)
    at_once = min(slots, trials * len(plan.studies))
    others = "" if all(len(found.times) == len(places) for found in probes) else ", data not built yet as the others"
    saved = [] if search.pruner == "none" else ["early stopping saves a third to a half of it"]
    if search.gpus_per_trial and any(found.array_mb > found.memory_mb for found in probes):
        saved.append("trials as one array (--fuse) save up to three quarters")
    return ["; ".join([f"  the whole campaign: about {duration(seconds / at_once)}{others}", *saved])]


def _misfits(plan: CampaignPlan, nodes: Nodes, room: Sequence[int], slots: int, probes: Sequence[Probe]) -> list[str]:
    if not slots:
        return [resources.too_small(plan.search)]
    share, of_arrays = plan.search.gpus_per_trial, max(found.array_mb for found in probes) * 2**20
    needed = max(found.memory_mb for found in probes) * 2**20 if share else of_arrays  # arrays lie on the GPU
    full = {(min(trials, slots), node.get("memory", math.inf)) for node, trials in zip(nodes, room, strict=True)}
    found = [
        f"{trials} trials of {needed / 2**30:.1f} GB on a node with {memory / 2**30:.0f} GB: "
        "lower --concurrency or raise --cpus-per-trial"
        for trials, memory in sorted(full)
        if trials * needed > memory
    ]
    if share and (known := [node[GPU_MEMORY] for node in nodes if GPU_MEMORY in node]):
        trials = min(max(int(1 / share + 1e-9), 1), slots)
        if trials * of_arrays > min(known):
            what = "arrays of trials" if of_arrays > needed else "trials"
            sizes = f"{trials} {what} of {of_arrays / 2**30:.1f} GB on a GPU with {min(known) / 2**30:.0f} GB"
            found.append(f"{sizes}: raise --gpus-per-trial or lower --fuse")
    return found


def _unknown(plan: CampaignPlan, nodes: Nodes) -> list[str]:
    if not plan.search.gpus_per_trial or all(GPU_MEMORY in node for node in nodes if node.get("GPU")):
        return []
    return ["  the memory of the cluster's GPUs is not known here: see that the trials that share one fit"]
