"""Before a campaign: what its trials take, and what would not fit. `gear-search run --dry-run` prints it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gear.config import PairSpec, TrialConfig
from gear.data import load_pair
from gear.data.builtin.tables import is_built
from gear.evaluation.diagnostics import expected_memory_mb
from gear.machine import usable_memory
from gear.methods import base_of, find_method
from gear.variants import with_values
from search.campaign.proposer import random_configs
from search.launch.durations import duration
from search.plan.campaign_plan import CampaignPlan
from search.runtime import resources

if TYPE_CHECKING:
    from gear.data import PairData, Part, TaskData

__all__ = ["Probe", "probe", "report", "this_machine"]

GPU_MEMORY = "GPU memory"
FEW, MORE = 1, 4  # batches of the two sizes that are timed
DRAWN, TIMED = 100, 3  # configurations of the space, random ones: whose memory is estimated, and of them timed
Nodes = Sequence[Mapping[str, float]]  # their resources, as Ray calls them; memory in bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """What a trial of a method takes. Seconds are None where it was not timed.

    `memory_mb` at most over the space; `by_default` seconds of one validation fold in the default configuration,
    `seconds` as a mean of that and a few drawn from the space.
    """

    method: str
    memory_mb: float
    by_default: float | None
    seconds: float | None


def probe(plan: CampaignPlan) -> list[Probe]:
    """Estimate each method of a plan on its first pair; no time where that pair's data would have to be built first."""
    pair = None
    if _at_hand(plan.pairs[0]):
        import torch

        torch.set_num_threads(plan.search.cpus_per_trial)
        pair = load_pair(plan.pairs[0], plan.splits[0], plan.search.split_seed)
    return [_probed(method, plan, pair) for method in plan.methods]


def _probed(method: str, plan: CampaignPlan, pair: "PairData | None") -> Probe:
    folds = max(plan.folds(split, "search") for split in plan.splits)
    configs = [base_of(method, plan.config), *random_configs(method, plan.config, plan.search.vary, DRAWN)]
    configs = [with_values(config, {"embedding.pretrained": "none"}) for config in configs]  # takes the same time
    memory = max(expected_memory_mb(config, folds) for config in configs)
    if pair is None:
        return Probe(method, memory, None, None)
    times = [trial_seconds(config, pair) for config in configs[: 1 + TIMED]]
    return Probe(method, memory, times[0], sum(times) / len(times))


def trial_seconds(config: TrialConfig, pair: "PairData") -> float:
    """Seconds of a fold of a trial that nothing stops early, from epochs on a few batches of its data.

    Two sizes tell what a batch takes from what an epoch takes once. What is fitted at once is fitted.
    """
    from gear.training.folds import single_run
    from gear.training.loop import TrainingRun

    if find_method(config.method).fits_at_once:
        return sum(row.seconds for row in single_run(config, pair).epochs())
    size, training = config.training.batch_size, config.training
    short = dataclasses.replace(config, training=dataclasses.replace(training, epochs=2, source_epochs=1))
    _, few = (row.seconds for row in TrainingRun(short, _cut(pair, FEW * size)).epochs())
    run = TrainingRun(short, _cut(pair, MORE * size))
    first, more = (row.seconds for row in run.epochs())
    batches = len(pair.target.train.rows) / size
    epoch = more + max(more - few, 0.0) / (MORE - FEW) * max(batches - MORE, 0.0)
    if not run.model.begins_with_sources:
        return training.epochs * epoch
    shares = [max(len(source.train.rows) / (MORE * size), 1.0) for source in pair.sources]
    return training.epochs * epoch + training.source_epochs * max(first - more, 0.0) * max(shares)


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
    folds = plan.folds(plan.splits[0], "search")
    where = f"{plan.pairs[0].id} {plan.splits[0]}" + (f", {folds} validation folds" if folds > 1 else "")
    return [
        f"resources: {len(nodes)} {'node' if len(nodes) == 1 else 'nodes'} with {total['CPU']:g} CPUs, "
        f"{total['GPU']:g} GPUs and {total['memory'] / 2**30:.0f} GB: {slots} trials at once",
        *(f"  a trial of {found.method} on {where}: {_cost(found, folds)}" for found in probes),
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
    return all(task.file is None and is_built(task.property) for task in (pair.target, *pair.sources))


def _cut(pair: "PairData", molecules: int) -> "PairData":
    """A pair with at most so many training molecules a task, and its share of the validation molecules."""

    def part(whole: "Part", most: int) -> "Part":
        return dataclasses.replace(whole, smiles=whole.smiles[:most], value=whole.value[:most], rows=whole.rows[:most])

    def task(whole: "TaskData") -> "TaskData":
        share = max(molecules * len(whole.validation.rows) // len(whole.train.rows), 1)
        return dataclasses.replace(whole, train=part(whole.train, molecules), validation=part(whole.validation, share))

    return dataclasses.replace(pair, target=task(pair.target), sources=tuple(map(task, pair.sources)))


def _cost(found: Probe, folds: int) -> str:
    memory = f"up to {found.memory_mb / 2**10:.1f} GB"
    if found.by_default is None or found.seconds is None:
        return f"{memory}, time not probed: its data are not built yet"
    times = duration(folds * found.by_default), duration(folds * found.seconds)
    return "{}, {} by default, {} as a mean of the space".format(memory, *times)


def _whole(plan: CampaignPlan, slots: int, probes: Sequence[Probe]) -> list[str]:
    """The time of the whole campaign, as if every pair and split were the first."""
    times = [found.seconds for found in probes if found.seconds is not None]
    if not slots or len(times) < len(probes):
        return []
    trials = plan.search.trials * len(plan.studies)
    folds = plan.search.trials * sum(plan.folds(study.split, "search") for study in plan.studies)
    seconds = sum(times) / len(times) * folds / min(slots, trials)
    several = len(plan.pairs) * len(plan.splits) > 1
    others = f", the others taken to be like {plan.pairs[0].id} {plan.splits[0]}" if several else ""
    saved = "" if plan.search.pruner == "none" else "; early stopping saves a third to a half of it"
    return [f"  the whole campaign: about {duration(seconds)}{others}{saved}"]


def _misfits(plan: CampaignPlan, nodes: Nodes, room: Sequence[int], slots: int, probes: Sequence[Probe]) -> list[str]:
    if not slots:
        return [resources.too_small(plan.search)]
    needed = max(found.memory_mb for found in probes) * 2**20
    full = {(min(trials, slots), node.get("memory", math.inf)) for node, trials in zip(nodes, room, strict=True)}
    found = [
        f"{trials} trials of {needed / 2**30:.1f} GB on a node with {memory / 2**30:.0f} GB: "
        "lower --concurrency or raise --cpus-per-trial"
        for trials, memory in sorted(full)
        if trials * needed > memory
    ]
    if (share := plan.search.gpus_per_trial) and (known := [node[GPU_MEMORY] for node in nodes if GPU_MEMORY in node]):
        trials = min(max(int(1 / share + 1e-9), 1), slots)
        if trials * needed > min(known):
            sizes = f"{trials} trials of {needed / 2**30:.1f} GB on a GPU with {min(known) / 2**30:.0f} GB"
            found.append(f"{sizes}: raise --gpus-per-trial")
    return found


def _unknown(plan: CampaignPlan, nodes: Nodes) -> list[str]:
    if not plan.search.gpus_per_trial or all(GPU_MEMORY in node for node in nodes if node.get("GPU")):
        return []
    return ["  the memory of the cluster's GPUs is not known here: see that the trials that share one fit"]
