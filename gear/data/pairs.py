"""Pairs of tasks, ready for training: the parts of every task under one split, and the packed graphs."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from gear.config import PairSpec, TaskSpec
from gear.data.builtin.tables import built_in_task
from gear.data.molecules.pack import PackedGraphs, join, take
from gear.data.pair_cache import keep_pair, open_pair, pair_key
from gear.data.pair_data import PairData, Part, TaskData, described_task
from gear.data.pair_names import parse_pair
from gear.data.points import Labels, PairPoints, at_points, points_of
from gear.data.splits.noise import corrupt, planted
from gear.data.splits.split import Assignment, assign
from gear.data.splits.split_name import ParsedSplit, parse_split
from gear.data.task import TaskTable
from gear.data.user_files.task_file import DROPPED, read_task
from gear.errors import InputDataError
from gear.label_scaler import vary

__all__ = ["PairData", "Part", "TaskData", "described_task", "load_pair", "load_task"]


def load_pair(pair: str | PairSpec, split: str, seed: int = 0, fold: int = 0) -> PairData:
    """The data of a pair under a split. Graphs are featurised at the first call and memory-mapped after that.

    A large pair is kept whole (`gear.data.pair_cache`).

    Args:
        pair: its id, or its specification.
        split: name of a split, see `gear.data.splits.split_name`.
        seed: of the split, and of the noise if the split names one.
        fold: number of the validation fold; every fold has other validation molecules and the same test molecules.

    Raises:
        UnknownNameError: no such pair, property or split.
        InputDataError: a user's file cannot be used, or there are too few molecules to split.
        StorageError: the cache cannot be written.
    """
    spec = parse_pair(pair) if isinstance(pair, str) else pair
    parsed = parse_split(split)
    key = pair_key(spec, parsed, seed, fold)
    found = open_pair(key, spec, parsed.name, seed)
    return found or keep_pair(key, spec, _loaded(spec, parsed, seed, fold))


def _loaded(spec: PairSpec, parsed: ParsedSplit, seed: int, fold: int) -> PairData:
    """The pair, made of the tables of its tasks."""
    specs = (spec.target, *spec.sources)
    tables = [_keyed(load_task(task), spec.key_version) for task in specs]
    smiles, graphs, places = _joined(tables)
    points, labels = None, [Labels(t.smiles, t.value, place, t.bound) for t, place in zip(tables, places, strict=True)]
    if spec.target.features:
        points, labels = points_of(spec, tables, places)
    _refuse_twins(spec, labels)
    assigned = map(at_points, assign(tables[0], tables[1:], parsed, seed, fold), tables)
    rows = len(smiles) if points is None else len(points.molecule)
    target, *sources = (_task_data(*task, rows) for task in zip(specs, tables, labels, assigned, strict=True))
    members = [_known_by(part, points) for task in (target, *sources) for part in task.parts()]
    return PairData(
        spec.id,
        parsed.name,
        seed,
        _with_noise(target, parsed, seed),
        tuple(sources),
        smiles,
        graphs,
        _hash([spec.id, parsed.name, seed if parsed.noise else None, *members]),
        _hash([[_known_by(of_task, points), list(of_task.value), *_bounds_in(of_task)] for of_task in labels]),
        points,
    )


def _known_by(labels: Part | Labels, points: PairPoints | None) -> list[Any]:
    """What identifies a molecule or a data point in a hash."""
    if points is None:
        return list(labels.smiles)
    features = points.columns[labels.rows].tolist()
    return [[smiles, *known] for smiles, known in zip(labels.smiles, features, strict=True)]


def _bounds_in(labels: Labels) -> list[list[int]]:
    """The bounds of labels for a hash; nothing if all are exact."""
    return [] if labels.bound is None else [labels.bound.tolist()]


def _refuse_twins(spec: PairSpec, labels: Sequence[Labels]) -> None:
    for one, other in itertools.combinations(labels, 2):
        if np.array_equal(one.smiles, other.smiles) and np.array_equal(one.value, other.value):
            raise InputDataError(
                f"{spec.id}: two of its tasks have the same molecules and values: name different tasks"
            )


def _keyed(table: TaskTable, version: int) -> TaskTable:
    """The table with the keys of a version."""
    return dataclasses.replace(table, key=table.parent, keys=table.organics) if version == 1 else table


def load_task(task: TaskSpec) -> TaskTable:
    """The molecules of a task, before any split.

    Raises:
        UnknownNameError, InputDataError, StorageError: see `load_pair`.
    """
    return read_task(task) if task.file is not None else built_in_task(task.property)


def _task_data(spec: TaskSpec, table: TaskTable, labels: Labels, assigned: Assignment, count: int) -> TaskData:
    """The parts of a task in a pair of so many rows. No error is of a censored value, whose truth nobody knows."""
    bounds, censored = None, int(table.facts.get(DROPPED, 0))
    if labels.bound is not None:
        exact = [[row for row in rows if not labels.bound[row]] for rows in assigned[1:]]
        if any(rows and not left for rows, left in zip(assigned[1:], exact, strict=True)):
            raise InputDataError(
                f"{spec.property}: all values that a split would validate or test on are bounds: add exact ones"
            )
        assigned = Assignment(assigned.train, *exact)
        censored = int(np.count_nonzero(labels.bound[assigned.train]))
    if labels.bound is not None and spec.censored == "learn":
        bounds = np.zeros(count, np.int8)
        bounds[labels.rows[assigned.train]] = labels.bound[assigned.train]
    train, validation, test = (Part(labels.smiles[rows], labels.value[rows], labels.rows[rows]) for rows in assigned)
    task = TaskData(spec.property, *described_task(spec), train, validation, test, bounds, censored)
    if not vary(task.train.value):
        count = len(task.train.value)
        raise InputDataError(
            f"{spec.property}: all {count} training values are equal, so there is nothing to learn: use other data"
        )
    return task


def _joined(tables: Sequence[TaskTable]) -> tuple[np.ndarray, PackedGraphs, list[np.ndarray]]:
    """Molecules of all tasks, each once; their packed graphs; and the places there of each task's molecules."""
    place: dict[str, int] = {}
    packs = []
    for table in tables:
        new = np.array([row for row, smiles in enumerate(table.smiles) if smiles not in place], np.int64)
        place |= {smiles: len(place) + index for index, smiles in enumerate(table.smiles[new])}
        packs.append(take(table.graphs, table.rows[new]))
    places = [np.array([place[smiles] for smiles in table.smiles], np.int64) for table in tables]
    return np.array(list(place), dtype=object), join(packs), places


def _with_noise(task: TaskData, parsed: ParsedSplit, seed: int) -> TaskData:
    """The target with the share of corrupted training labels that the split names."""
    if parsed.noise is None:
        return task
    kind, percent = parsed.noise, parsed.noise_percent
    if kind == "published":
        return _with_planted(task, percent, seed)
    value = corrupt(task.train.value, log10=task.log10, kind=kind, percent=percent, seed=seed)
    return dataclasses.replace(task, train=dataclasses.replace(task.train, value=value))


def _with_planted(task: TaskData, percent: int, seed: int) -> TaskData:
    """The target with a share of its test molecules in training, with wrong labels; the test part is only these."""
    train, test = task.train, task.test
    chosen, labels = planted(train.value, test.value, log10=task.log10, percent=percent, seed=seed)
    smiles = np.concatenate([train.smiles, test.smiles[chosen]])
    value, rows = np.concatenate([train.value, labels]), np.concatenate([train.rows, test.rows[chosen]])
    order = np.argsort(smiles, kind="stable")
    return dataclasses.replace(
        task,
        train=Part(smiles[order], value[order], rows[order]),
        test=Part(test.smiles[chosen], test.value[chosen], test.rows[chosen]),
    )


def _hash(*content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
