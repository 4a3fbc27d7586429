"""Pairs of tasks, ready to train on: both tasks' parts under one split, and the packed graphs of their molecules."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gear.config import PairSpec, TaskSpec
from gear.data.noise import corrupt, planted
from gear.data.pack import PackedGraphs, join, take
from gear.data.properties import get_property
from gear.data.protocol import Protocol, parse_split
from gear.data.split import assign
from gear.data.tables import built_in_task
from gear.data.task import TaskTable
from gear.data.user import read_task
from gear.errors import InputDataError, UnknownNameError

__all__ = ["CONTROL_PAIRS", "PAIRS", "PairData", "Part", "TaskData", "load_pair", "parse_pair"]

PAIRS = tuple(
    "hv_from_ds hv_from_bp hv_from_lp ct_from_bp ct_from_hv ct_from_ri vp_from_bp vp_from_hv fp_from_bp fp_from_hv "
    "vs_from_bp vs_from_hv vs_from_mp st_from_bp st_from_ri dk_from_lp dk_from_st ef_from_mp ef_from_bp ef_from_hv "
    "ri_from_ds bp_from_mp pol_from_lp".split()
)
CONTROL_PAIRS = ("dk_from_ri", "lp_from_mp")  # an unrelated source, and one that should harm


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Molecules of one part of a task."""

    smiles: np.ndarray  # (N,) str objects
    value: np.ndarray  # (N,) float64, in the task's unit, not transformed
    rows: np.ndarray  # (N,) int64, of the pair's packed graphs


@dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """One task of a pair. `log10`: models see the logarithm. The source has no test part."""

    property: str
    name: str
    unit: str
    log10: bool
    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True, slots=True, eq=False)
class PairData:
    """Both tasks under one split. `split_hash` identifies who is in which part, `data_hash` molecules and values."""

    id: str
    split: str
    seed: int
    target: TaskData
    source: TaskData
    graphs: PackedGraphs
    split_hash: str
    data_hash: str


def parse_pair(pair: str) -> PairSpec:
    """The specification of `target_from_source`, for built-in properties.

    Raises:
        UnknownNameError: not of that form, or an unknown property.
        InputDataError: target and source are the same.
    """
    target, found, source = pair.partition("_from_")
    if not found:
        raise UnknownNameError("pair", pair, PAIRS)
    get_property(target)
    get_property(source)
    if target == source:
        raise InputDataError(f"pair '{pair}' has one property as target and source: name two")
    return PairSpec(TaskSpec(target), TaskSpec(source))


def load_pair(pair: str | PairSpec, split: str, seed: int = 0) -> PairData:
    """A pair under a split; its graphs are featurised at the first call and memory-mapped ever after.

    Args:
        pair: its id, or its specification.
        split: a name that `gear.data.parse_split` knows.
        seed: of the split, and of the noise if the split names one.

    Raises:
        UnknownNameError: no such pair, property or split.
        InputDataError: a user's file cannot be used, or there are too few molecules to split.
        StorageError: the cache cannot be written.
    """
    spec = parse_pair(pair) if isinstance(pair, str) else pair
    protocol = parse_split(split)
    target, source = _load_task(spec.target), _load_task(spec.source)
    if np.array_equal(target.smiles, source.smiles) and np.array_equal(target.value, source.value):
        raise InputDataError(f"{spec.id}: target and source hold the same molecules and values: name two tasks")
    parts = assign(target, source, protocol, seed)
    graphs, target_rows, source_rows = _joined_graphs(target, source)
    target_parts = [_part(target, rows, target_rows) for rows in (parts[0], parts[1], parts[2])]
    source_parts = [_part(source, rows, source_rows) for rows in (parts[3], parts[4], [])]
    target_data = TaskData(spec.target.property, *_description(spec.target), *target_parts)
    source_data = TaskData(spec.source.property, *_description(spec.source), *source_parts)
    for task, name in ((target_data, "target"), (source_data, "source")):
        if (task.train.value == task.train.value[0]).all():
            raise InputDataError(f"{spec.id}: all {len(task.train.value)} training values of the {name} are equal")
    return PairData(
        spec.id,
        split,
        seed,
        _with_noise(target_data, protocol, seed),
        source_data,
        graphs,
        _hash(
            [spec.id, split, seed if protocol.noise else None, *(list(p.smiles) for p in target_parts + source_parts)]
        ),
        _hash([[list(task.smiles), list(task.value)] for task in (target, source)]),
    )


def _load_task(task: TaskSpec) -> TaskTable:
    return read_task(task) if task.file is not None else built_in_task(task.property)


def _joined_graphs(target: TaskTable, source: TaskTable) -> tuple[PackedGraphs, np.ndarray, np.ndarray]:
    """Packed graphs of both tasks' molecules, each once, and the rows there of either task's molecules."""
    place = {smiles: row for row, smiles in enumerate(target.smiles)}
    new = [row for row, smiles in enumerate(source.smiles) if smiles not in place]
    place |= {source.smiles[row]: len(target.smiles) + index for index, row in enumerate(new)}
    graphs = join([take(target.graphs, target.rows), take(source.graphs, source.rows[new])])
    return graphs, np.arange(len(target.smiles)), np.array([place[s] for s in source.smiles], np.int64)


def _part(task: TaskTable, rows: Sequence[int], graph_rows: np.ndarray) -> Part:
    return Part(task.smiles[rows], task.value[rows], graph_rows[rows])


def _with_noise(task: TaskData, protocol: Protocol, seed: int) -> TaskData:
    """The target with the protocol's share of its training labels corrupted."""
    if protocol.noise is None:
        return task
    kind, percent = protocol.noise, protocol.noise_percent
    if kind == "published":
        return _with_planted(task, percent, seed)
    value = corrupt(task.train.value, log10=task.log10, kind=kind, percent=percent, seed=seed)
    return dataclasses.replace(task, train=dataclasses.replace(task.train, value=value))


def _with_planted(task: TaskData, percent: int, seed: int) -> TaskData:
    """The target whose test part is a share of its test molecules, which are in its training part with wrong labels."""
    train, test = task.train, task.test
    chosen, told = planted(train.value, test.value, log10=task.log10, percent=percent, seed=seed)
    smiles = np.concatenate([train.smiles, test.smiles[chosen]])
    value, rows = np.concatenate([train.value, told]), np.concatenate([train.rows, test.rows[chosen]])
    order = np.argsort(smiles)
    return dataclasses.replace(
        task,
        train=Part(smiles[order], value[order], rows[order]),
        test=Part(test.smiles[chosen], test.value[chosen], test.rows[chosen]),
    )


def _description(task: TaskSpec) -> tuple[str, str, bool]:
    """Name, unit and transform of a task."""
    if task.file is not None:
        return task.column or task.property, task.unit, task.log10
    spec = get_property(task.property)
    return spec.name, spec.unit, spec.log10


def _hash(*content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
