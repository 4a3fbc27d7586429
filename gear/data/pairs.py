"""Pairs of tasks, ready to train on: both tasks' parts under one split, and the packed graphs of their molecules."""

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gear.config import PairSpec, TaskSpec
from gear.data.cache import cache_folder
from gear.data.molecule import scaffold_group
from gear.data.pack import PackedGraphs, featurize, open_pack, pack_key, write_pack
from gear.data.properties import get_property
from gear.data.split import Assignment, assign
from gear.data.tables import load_property, load_scaffold_groups
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

    Raises:
        UnknownNameError: no such pair, property or split.
        InputDataError: a user's file cannot be used, or there are too few molecules to split.
        StorageError: the cache cannot be written.
    """
    spec = parse_pair(pair) if isinstance(pair, str) else pair
    target, source = _load_task(spec.target), _load_task(spec.source)
    parts = assign(list(target), list(source), split, seed, _scaffold_of(spec))
    molecules = sorted(target.keys() | source.keys())
    row = {smiles: index for index, smiles in enumerate(molecules)}

    def part(values: Mapping[str, float], smiles: Sequence[str]) -> Part:
        return Part(
            np.array(smiles, dtype=object),
            np.array([values[s] for s in smiles], np.float64),
            np.array([row[s] for s in smiles], np.int64),
        )

    def task(spec: TaskSpec, values: Mapping[str, float], *smiles: Sequence[str]) -> TaskData:
        return TaskData(spec.property, *_description(spec), *(part(values, part_smiles) for part_smiles in smiles))

    return PairData(
        spec.id,
        split,
        seed,
        task(spec.target, target, parts.target_train, parts.target_validation, parts.target_test),
        task(spec.source, source, parts.source_train, parts.source_validation, []),
        _load_graphs(molecules),
        _split_hash(spec, split, parts),
        _hash([list(target.items()), list(source.items())]),
    )


def _load_task(task: TaskSpec) -> dict[str, float]:
    """Value by canonical SMILES."""
    if task.file is not None:
        return read_task(task)
    return _load_built_in(task.property)


@functools.cache
def _load_built_in(code: str) -> dict[str, float]:
    columns = load_property(code).select(["smiles", "value"]).to_pydict()
    return dict(zip(columns["smiles"], columns["value"], strict=True))


def _description(task: TaskSpec) -> tuple[str, str, bool]:
    """Name, unit and transform of a task."""
    if task.file is not None:
        return task.column or task.property, task.unit, task.log10
    spec = get_property(task.property)
    return spec.name, spec.unit, spec.log10


def _scaffold_of(pair: PairSpec) -> Callable[[str], str]:
    known = load_scaffold_groups()
    if pair.target.file is None and pair.source.file is None:
        return known.__getitem__
    return functools.cache(lambda smiles: known.get(smiles) or scaffold_group(smiles))


def _load_graphs(molecules: list[str]) -> PackedGraphs:
    path = cache_folder() / "packs" / f"{pack_key(molecules)}.arrow"
    if not path.exists():
        print(f"packing the graphs of {len(molecules)} molecules, once ...", file=sys.stderr)
        write_pack(path, featurize(molecules))
    return open_pack(path)


def _split_hash(pair: PairSpec, split: str, parts: Assignment) -> str:
    return _hash([pair.id, split, *parts])


def _hash(content: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(content)).encode()).hexdigest()[:16]
