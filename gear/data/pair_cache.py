"""Large pairs, kept whole in the user cache: opened by memory map in less than a second, in memory that trials share.

Three files: the parts of the tasks under one split, seed and fold; the SMILES of the pair's molecules; and their packed
graphs, which all splits of the pair share. Their names are hashes of all that they follow from. Pairs with feature
columns, and those under a user's own split, whose code may change, are made anew in every process.
"""

import functools
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from gear.config import PairSpec
from gear.data.array_file import open_arrays, write_arrays
from gear.data.cache import DamagedFileError, cache_folder, content_key
from gear.data.molecules.pack import PackedGraphs, open_pack, write_pack
from gear.data.pair_data import PairData, Part, TaskData, described_task
from gear.data.splits.split_name import ParsedSplit
from gear.data.task import PARTS
from gear.data.texts import Texts, encoded
from gear.data.user_files.task_file import table_key
from gear.errors import StorageError

__all__ = ["LARGE", "keep_pair", "open_pair", "pair_key"]

LARGE = 50_000  # molecules of a pair that is kept
FORMAT = "1"  # of the files; raised when what a split or a table gives changes
TEXT: dict[str, type[np.generic]] = {"characters": np.uint8, "start": np.int64}


def pair_key(spec: PairSpec, split: ParsedSplit, seed: int, fold: int) -> str:
    """What names a pair under a split in the cache; empty for one that is not kept.

    Raises:
        InputDataError: a user's file cannot be read.
    """
    if split.is_own or spec.target.features:
        return ""
    tasks = [
        task.property if task.file is None else [task.property, table_key(Path(task.file), task)]
        for task in (spec.target, *spec.sources)
    ]
    known = [FORMAT, tasks, spec.key_version, split.name, seed, fold]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:20]


def open_pair(key: str, spec: PairSpec, split: str, seed: int) -> PairData | None:
    """A pair that is kept, None if it is not, or not whole.

    Args:
        key: its name.
        spec: the specification that it was made of.
        split: the name of the split.
        seed: of the split.
    """
    path = _path(key)
    if not key or not path.exists():
        return None
    try:
        arrays, facts = open_arrays(path, _wanted(spec), f"{FORMAT} {key}")
        smiles, graphs = _molecules(cache_folder(), facts["molecules"])
    except DamagedFileError as error:
        print(f"{path} is damaged ({error}); building it again", file=sys.stderr)
        return None
    except OSError:  # one of the files is missing, or cannot be read
        return None
    target, *sources = (_task(index, spec, arrays, smiles) for index in range(1 + len(spec.sources)))
    hashes = facts["split_hash"], facts["data_hash"]
    return PairData(spec.id, split, seed, target, tuple(sources), smiles, graphs, *hashes)


def keep_pair(key: str, spec: PairSpec, pair: PairData) -> PairData:
    """The pair from the cache if it is large and the cache can be written; else as it is.

    Args:
        key: its name, empty for a pair that is not to be kept.
        spec: what it was made of.
        pair: to be kept.
    """
    if not key or len(pair.smiles) < LARGE:
        return pair
    molecules = content_key(pair.smiles)
    arrays: dict[str, np.ndarray] = {}
    for index, task in enumerate((pair.target, *pair.sources)):
        for name, part in zip(PARTS, task.parts(), strict=True):
            arrays |= {f"{index} {name} value": part.value, f"{index} {name} rows": part.rows}
        arrays[f"{index} bounds"] = np.empty(0, np.int8) if task.bounds is None else task.bounds
        arrays[f"{index} censored"] = np.array([task.censored])
    facts = {"molecules": molecules, "split_hash": pair.split_hash, "data_hash": pair.data_hash}
    folder = cache_folder()
    try:
        write_pack(folder / "packs" / f"{molecules}.arrow", pair.graphs)
        characters, start = encoded(list(pair.smiles))
        text = {"characters": characters, "start": start}
        write_arrays(folder / "molecules" / f"{molecules}.arrow", text, f"{FORMAT} {molecules}")
        write_arrays(_path(key), {name: arrays[name] for name in _wanted(spec)}, f"{FORMAT} {key}", facts)
    except StorageError:
        return pair
    return open_pair(key, spec, pair.split, pair.seed) or pair


def _path(key: str) -> Path:
    return cache_folder() / "pairs" / f"{key}.arrow"


def _wanted(spec: PairSpec) -> dict[str, type[np.generic]]:
    """Names and types of the arrays of a pair."""
    types: dict[str, type[np.generic]] = {}
    for index in range(1 + len(spec.sources)):
        for part in PARTS:
            types |= {f"{index} {part} value": np.float64, f"{index} {part} rows": np.int64}
        types |= {f"{index} bounds": np.int8, f"{index} censored": np.int64}
    return types


@functools.lru_cache(maxsize=4)
def _molecules(folder: Path, key: str) -> tuple[Texts, PackedGraphs]:
    """The SMILES and graphs of a pair, which all its splits and folds share."""
    arrays, _ = open_arrays(folder / "molecules" / f"{key}.arrow", TEXT, f"{FORMAT} {key}")
    smiles, graphs = Texts(arrays["characters"], arrays["start"]), open_pack(folder / "packs" / f"{key}.arrow")
    if len(smiles) != len(graphs):
        raise DamagedFileError(f"its pack is of {len(graphs):,} molecules, not of {len(smiles):,}")
    return smiles, graphs


def _task(index: int, spec: PairSpec, arrays: dict[str, np.ndarray], smiles: Texts) -> TaskData:
    """The task of this number, 0 for the target, whose SMILES are decoded."""

    def part(name: str) -> Part:
        value, rows = (arrays[f"{index} {name} {what}"] for what in ("value", "rows"))
        return Part(smiles[rows] if index == 0 else smiles.of(rows), value, rows)

    task = (spec.target, *spec.sources)[index]
    bounds, censored = arrays[f"{index} bounds"], int(arrays[f"{index} censored"][0])
    train, validation, test = map(part, PARTS)
    described = described_task(task)
    return TaskData(task.property, *described, train, validation, test, bounds if len(bounds) else None, censored)
