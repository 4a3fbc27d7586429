"""Splits across all tasks of a pair: no molecule that the target is validated or tested on is seen through a source.

Molecules are assigned in groups: all forms of one molecule (a salt, an ion, a tautomer), under `scaffold` all of one
scaffold group, or the groups of a user's own split; forms of one molecule that would be in different groups go to that
of the first. The target's groups are divided first. A source then trains on what is left: every one of its molecules
whose group is in the target's validation or test part, or which shares an organic fragment, in any form, with a
molecule there (a salt, a mixture), is dropped, unless the split allows overlap. A tenth of the rest is its own
validation part.

A group is named by its first molecule, so that a molecule without other forms has the same place whether or not forms
are joined.

Groups are shuffled by a hash of (seed, group), so a split depends only on content and seed, not on the order of rows.
Libraries for splitting (astartes, chemprop) divide one task, by the order of its rows, so they are not used here.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from gear.data.splits.own_split import names_parts, own_labels
from gear.data.splits.split_name import FOLDED, FOLDS, LABEL_FOLDS, TEST_FOLDS, ParsedSplit
from gear.data.task import PARTS, TaskTable
from gear.errors import InputDataError

__all__ = ["MINIMUM", "Assignment", "assign"]

MINIMUM = 30  # molecules of the target, and of the source that remain for it
HELD_OUT = 0.1  # share of validation, and of test
FOLD_TEST = 0.2  # share of test where the rest is divided into folds
FEW_VALIDATION = 1 / LABEL_FOLDS  # share of validation where labels are few
LARGE = 0.05  # a scaffold group above this share of the target is never in the test part, which it would dominate

Groups = dict[str, list[int]]  # rows of a task by group


class Assignment(NamedTuple):
    """Rows of a task in every part, ascending; a source has no test part."""

    train: list[int]
    validation: list[int]
    test: list[int]


class Judged(NamedTuple):
    """The molecules that the target is validated and tested on: their groups and the keys of their fragments."""

    groups: frozenset[str]
    keys: frozenset[str]

    @classmethod
    def of(cls, task: TaskTable, group_of: np.ndarray, rows: Sequence[int]) -> "Judged":
        """The groups and the keys of the given rows."""
        return cls(frozenset(group_of[rows]), frozenset(key for keys in task.keys[rows] for key in keys.split(".")))

    def touch(self, group: str, keys: str) -> bool:
        """Whether a source's molecule is in one of the groups or has a fragment with one of the keys."""
        return group in self.groups or not self.keys.isdisjoint(keys.split("."))


def assign(
    target: TaskTable, sources: Sequence[TaskTable], parsed: ParsedSplit, seed: int, fold: int = 0
) -> list[Assignment]:
    """Divide the molecules of the target and then of every source; the result has the same order.

    Args:
        target: the target's molecules.
        sources: the molecules of each source.
        parsed: the parts of the split's name.
        seed: of the shuffle.
        fold: number of the validation fold, from 0. Another fold has the same test part and validates other molecules
            than the folds before it. Where the number of labels is limited, folds 0 to 4 validate every label once,
            folds 5 to 9 do so in another division, and so on.

    Raises:
        InputDataError: too few molecules, or too few groups, to fill every part.
    """
    if parsed.is_joined:
        raise InputDataError(f"split {parsed.name} is {TEST_FOLDS} splits: name one, such as {parsed.base}-cv1")
    if len(target.smiles) < MINIMUM:
        raise InputDataError(f"the target has {len(target.smiles)} molecules, a split needs {MINIMUM}: add data")
    part_of, named = _named(target, parsed)
    group_of = _with_forms(named, target)
    key = f"{seed}:target"
    if part_of is None:
        train, validation, test = _divide_target(target, _grouped(group_of), parsed, key)
    else:
        train, validation, test = _by_part(target, part_of, key)
    if parsed.labels is not None:
        train, validation = _few(target, group_of, train, validation, parsed, key)
    if fold:
        train, validation = _redrawn(group_of, train, validation, fold, parsed, key)
    if fold and not (train and validation):
        raise InputDataError(
            f"split {parsed.name} has too few groups of molecules for validation fold {fold + 1}: use fewer folds, "
            "--validation-folds 1"
        )
    if not (train and validation and test):
        raise InputDataError(
            f"a {parsed.name} split of {len(target.smiles)} target molecules leaves a part empty: add molecules"
            + (" with other scaffolds, or use --splits random" if parsed.base == "scaffold" else "")
        )
    judged = Judged.of(target, named, [] if parsed.overlap else [*test, *validation])
    of_target = Assignment(sorted(train), sorted(validation), sorted(test))
    groups = [_named(source, parsed)[1] if part_of is None else source.parent for source in sources]
    divided = (_divide_source(*source, judged, f"{seed}:source") for source in zip(sources, groups, strict=True))
    return [of_target, *divided]


def _named(task: TaskTable, parsed: ParsedSplit) -> tuple[np.ndarray | None, np.ndarray]:
    """The part (N,) of each molecule if the split names it, else None; and the group (N,) of each molecule."""
    if parsed.base == "file":
        if task.part is None:
            raise InputDataError("split file needs a column of the target's file that names the parts: --split-column")
        return task.part, task.parent
    if parsed.is_own:
        labels = own_labels(parsed.base, task)
        return (labels, task.parent) if names_parts(labels, parsed.base) else (None, labels)
    return None, task.scaffold if parsed.base == "scaffold" else task.parent


def _divide_source(task: TaskTable, group_of: np.ndarray, judged: Judged, key: str) -> Assignment:
    """Training and validation rows among the molecules that share nothing with the target's held-out molecules."""
    found = zip(group_of, task.keys, strict=True)
    usable = [row for row, (group, keys) in enumerate(found) if not judged.touch(group, keys)]
    if len(usable) < MINIMUM:
        raise InputDataError(
            f"{len(usable)} of {len(task.smiles)} source molecules are left without those that the target is validated "
            f"and tested on, but a split needs {MINIMUM}: use a larger source"
        )
    held, kept = _shares(_grouped(_with_forms(group_of, task), usable), key, [HELD_OUT])
    if not held:
        raise InputDataError("all source molecules share one group: add other molecules or use --splits random")
    return Assignment(sorted(kept), sorted(held), [])


def _divide_target(task: TaskTable, groups: Groups, parsed: ParsedSplit, key: str) -> tuple[list[int], ...]:
    """Training, validation and test rows."""
    if parsed.base.startswith("extrapolation"):
        value = {group: median(task.value[rows]) for group, rows in groups.items()}
        sign = -1 if parsed.base == "extrapolation-high" else 1
        test, validation, train = _cut(groups, sorted(groups, key=lambda g: (sign * value[g], g)), [HELD_OUT] * 2)
    elif parsed.fold is not None:
        test, rest = _shares(groups, key, [FOLD_TEST])
        folds = _folds(_others(groups, test), key, FOLDS)
        validation = folds[parsed.fold - 1]
        train = [row for fold in folds if fold is not validation for row in fold]
        assert len(train) + len(validation) == len(rest)
    elif parsed.test_fold is not None:
        test = _folds(groups, f"{key}:test", TEST_FOLDS)[parsed.test_fold - 1]
        validation, train = _shares(_others(groups, test), f"{key}:validation", [FEW_VALIDATION])
    else:
        test, validation, train = _shares(groups, key, [HELD_OUT, HELD_OUT])
    return train, validation, test


def _others(groups: Groups, rows: Iterable[int]) -> Groups:
    """The groups that are not among some rows, which hold whole groups."""
    taken = set(rows)
    return {group: own for group, own in groups.items() if own[0] not in taken}


def _few(
    task: TaskTable, group_of: np.ndarray, train: list[int], validation: list[int], parsed: ParsedSplit, key: str
) -> tuple[list[int], list[int]]:
    """Training and validation rows among as many molecules as the parsed has labels, a fifth of them validation.

    The order in which molecules are taken depends only on the seed and the molecule, so a larger number includes the
    molecules of a smaller one. Where the split fixes the validation molecules (extrapolation, a file, a named fold),
    the fifth is taken from them.
    """
    wanted, there = parsed.labels or 0, len(train) + len(validation)
    if wanted > there:
        raise InputDataError(
            f"split {parsed.name}: the target has {there} molecules for training and validation, fewer than "
            f"the {wanted} labels of the split: choose a smaller number, or all"
        )
    rank = {name: place for place, name in enumerate(_shuffled(map(str, task.smiles), f"{key}:labels"))}

    def first(rows: list[int], count: int) -> list[int]:
        return sorted(rows, key=lambda row: rank[str(task.smiles[row])])[:count]

    if parsed.folds_labels:
        chosen = sorted(first([*train, *validation], wanted))
        validation, train = _shares(_grouped(group_of, chosen), f"{key}:validation", [FEW_VALIDATION])
        return train, validation
    held = max(round(FEW_VALIDATION * wanted), wanted - len(train))
    return first(train, wanted - min(held, len(validation))), first(validation, held)


def _redrawn(
    group_of: np.ndarray, train: list[int], validation: list[int], fold: int, parsed: ParsedSplit, key: str
) -> tuple[list[int], list[int]]:
    """Training and validation rows of another fold."""
    if parsed.base not in FOLDED:
        raise InputDataError(f"split {parsed.name} fixes the validation molecules: use one validation fold with it")
    rest = sorted([*train, *validation])
    if parsed.folds_labels:
        validation = _label_folds(group_of, train, validation, fold // LABEL_FOLDS, key)[fold % LABEL_FOLDS]
        return _without(rest, validation), validation
    pool, size = train, len(validation)
    for draw in range(1, fold + 1):
        validation, pool = _shares(_grouped(group_of, pool), f"{key}:validation{draw}", [size / max(len(pool), 1)])
    return _without(rest, validation), validation


def _label_folds(
    group_of: np.ndarray, train: list[int], validation: list[int], division: int, key: str
) -> list[list[int]]:
    """All folds of the labels in one of their divisions; division 0 begins with the validation part of fold 0."""
    key = f"{key}:division{division}"
    if division:
        return _folds(_grouped(group_of, sorted([*train, *validation])), key, LABEL_FOLDS)
    return [validation, *_folds(_grouped(group_of, train), key, LABEL_FOLDS - 1)]


def _without(rows: list[int], held: Iterable[int]) -> list[int]:
    held = set(held)
    return [row for row in rows if row not in held]


def _by_part(task: TaskTable, part_of: np.ndarray, key: str) -> tuple[list[int], ...]:
    """Parts as the user names them; if there is no validation part, a ninth of the training rows become it."""
    train, validation, test = ([row for row, part in enumerate(part_of) if part == name] for name in PARTS)
    if not validation:
        validation, train = _shares(_grouped(_with_forms(task.parent, task), train), key, [HELD_OUT / (1 - HELD_OUT)])
    return train, validation, test


def _with_forms(group_of: np.ndarray, task: TaskTable) -> np.ndarray:
    """The group (N,) of each molecule, where all forms of a molecule go to the group of the first of them."""
    first: dict[str, str] = {}
    for row in np.argsort(task.smiles):
        first.setdefault(task.key[row], group_of[row])
    return np.array([first[key] for key in task.key], dtype=object)


def _grouped(group_of: np.ndarray, rows: Iterable[int] | None = None) -> Groups:
    groups: Groups = defaultdict(list)
    for row in range(len(group_of)) if rows is None else rows:
        groups[group_of[row]].append(row)
    return groups


def _shuffled(groups: Iterable[str], key: str) -> list[str]:
    return sorted(groups, key=lambda g: hashlib.sha256(f"{key}:{g}".encode()).digest())


def _shares(groups: Groups, key: str, shares: Sequence[float]) -> list[list[int]]:
    """Random parts with about the given shares of the molecules, then the rest; groups are not divided.

    Groups above LARGE go to the rest. Each other group goes to the first part that has room for it. A part for which
    all groups are too large gets the smallest one.
    """
    total = sum(map(len, groups.values()))
    wanted = [round(share * total) for share in shares]
    parts: list[list[str]] = [[] for _ in (*shares, 1.0)]
    taken = [0] * len(shares)
    for group in _shuffled(groups, key):
        size = len(groups[group])
        places = (i for i, limit in enumerate(wanted) if size <= max(1, LARGE * total) and taken[i] + size <= limit)
        place = next(places, len(shares))
        parts[place].append(group)
        if place < len(shares):
            taken[place] += size
    *held, rest = parts
    for part in held:
        if not part and len(rest) > 1:
            part.append(rest.pop(min(range(len(rest)), key=lambda i: len(groups[rest[i]]))))
    return [[row for group in part for row in groups[group]] for part in parts]


def _cut(groups: Groups, order: Iterable[str], shares: Sequence[float]) -> list[list[int]]:
    """Parts with at least the given shares of the molecules, cut from the groups in their order, then the rest."""
    total = sum(map(len, groups.values()))
    parts: list[list[int]] = [[] for _ in (*shares, 1.0)]
    index = 0
    for group in order:
        parts[index] += groups[group]
        if index < len(shares) and len(parts[index]) >= round(shares[index] * total):
            index += 1
    return parts


def _folds(groups: Groups, key: str, count: int) -> list[list[int]]:
    """Folds of about one size, groups whole: the largest groups first, each to the smallest fold."""
    folds: list[list[int]] = [[] for _ in range(count)]
    order = _shuffled(groups, key)
    for group in sorted(order, key=lambda g: -len(groups[g])):  # a stable sort keeps the random order of equals
        fold = min(folds, key=len)
        fold += groups[group]
    return folds
