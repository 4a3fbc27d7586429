"""Splits made across both tasks of a pair, so that nothing the target is judged on was seen through the source.

Molecules are assigned in groups: one molecule each (`random`), or all molecules with one scaffold group (`scaffold`).
The target's groups are divided 80/10/10. The source then trains on what is left: every one of its molecules whose
group is in the target's validation or test part is dropped, and a tenth of the rest is its own validation part.

Groups are shuffled by a hash of (seed, group), so a split depends on content and seed alone, not on the order of rows.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gear.errors import InputDataError, UnknownNameError

__all__ = ["MINIMUM", "SPLITS", "Assignment", "assign"]

SPLITS = ("random", "scaffold")
MINIMUM = 30  # molecules of the target, and of the source that remain for it
HELD_OUT = 0.1  # share of validation, and of test
LARGE = 0.05  # a scaffold group above this share of the target stays in training: it would be most of a test part


class Assignment(NamedTuple):
    """Molecules (canonical SMILES) of every part, sorted."""

    target_train: list[str]
    target_validation: list[str]
    target_test: list[str]
    source_train: list[str]
    source_validation: list[str]


def assign(
    target: Sequence[str], source: Sequence[str], split: str, seed: int, scaffold_of: Callable[[str], str]
) -> Assignment:
    """Divide both tasks' molecules.

    Args:
        target: distinct canonical SMILES of the target.
        source: those of the source.
        split: one of SPLITS.
        seed: of the shuffle.
        scaffold_of: the scaffold group of a molecule; called for `scaffold` only.

    Raises:
        UnknownNameError: no such split.
        InputDataError: too few molecules, or too few groups, to fill every part.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    if len(target) < MINIMUM:
        raise InputDataError(f"the target has {len(target)} molecules, a split needs {MINIMUM}: add data")
    group_of = scaffold_of if split == "scaffold" else _itself
    test, validation, train = _divide(target, group_of, f"{seed}:target", [HELD_OUT, HELD_OUT])
    if not (train and validation and test):
        raise InputDataError(
            f"a {split} split of {len(target)} target molecules leaves a part empty: add molecules with other "
            "scaffolds, or use --splits random"
        )
    judged = {group_of(smiles) for smiles in (*test, *validation)}
    usable = [smiles for smiles in source if group_of(smiles) not in judged]
    if len(usable) < MINIMUM:
        raise InputDataError(
            f"{len(usable)} of {len(source)} source molecules are left once those that the target is judged on are "
            f"taken out, a split needs {MINIMUM}: use a larger source"
        )
    held, kept = _divide(usable, group_of, f"{seed}:source", [HELD_OUT])
    if not held:
        raise InputDataError(
            "all source molecules share one scaffold group: add other molecules or use --splits random"
        )
    return Assignment(*(sorted(part) for part in (train, validation, test, kept, held)))


def _itself(smiles: str) -> str:
    return smiles


def _divide(
    molecules: Iterable[str], group_of: Callable[[str], str], key: str, shares: Sequence[float]
) -> list[list[str]]:
    """Parts with about the given shares of the molecules, groups whole, and last the rest."""
    groups: dict[str, list[str]] = defaultdict(list)
    for smiles in molecules:
        groups[group_of(smiles)].append(smiles)
    total = sum(map(len, groups.values()))
    wanted = [round(share * total) for share in shares]
    parts: list[list[str]] = [[] for _ in shares]
    rest: list[str] = []
    for group in sorted(groups, key=lambda g: hashlib.sha256(f"{key}:{g}".encode()).digest()):
        members = groups[group]
        # scaffold groups above LARGE go to training; a group goes where it still fits
        open_parts = (i for i in range(len(parts)) if len(parts[i]) + len(members) <= wanted[i])
        place = None if len(members) > max(1, LARGE * total) else next(open_parts, None)
        (rest if place is None else parts[place]).extend(members)
    return [*parts, rest]
