"""Checks a text of boosted trees that somebody else may have written, before LightGBM, which trusts it, reads it.

LightGBM takes the numbers of features, children and leaves, and the places of trees in the text, as they stand there:
wrong ones make it read foreign memory, which ends Python.
"""

import re

import numpy as np

__all__ = ["END", "check_trees"]

END = "end of trees\n"  # the line after the last tree
LINE = re.compile(r"(?P<name>[a-z_]+)(?:=(?P<value>[ -<>-~]*))?")  # printable, with one = at most
INTEGERS = re.compile(r"-?\d{1,9}(?: -?\d{1,9})*")
NUMBERS = re.compile(r"(?:[-+.e0-9]+|-?inf|-?nan)(?: (?:[-+.e0-9]+|-?inf|-?nan))*")
KINDS = (0, 2, 4, 6, 8, 10)  # of a decision, with or without missing values: all but those about categories
SPLITS = {  # arrays of a tree with one number for each split
    "split_feature": INTEGERS,
    "left_child": INTEGERS,
    "right_child": INTEGERS,
    "decision_type": INTEGERS,
    "internal_count": INTEGERS,
    "threshold": NUMBERS,
    "split_gain": NUMBERS,
    "internal_value": NUMBERS,
    "internal_weight": NUMBERS,
}
LEAVES = {"leaf_count": INTEGERS, "leaf_value": NUMBERS, "leaf_weight": NUMBERS}  # and for each leaf


def check_trees(text: str, inputs: int) -> None:
    """Check that a model can predict from so many inputs.

    Args:
        text: as LightGBM writes a model of one number, up to the line `end of trees`.
        inputs: F, how many columns the trees read.

    Raises:
        ValueError: it is none of these; the message says where.
    """
    start = text.find("\nTree=") + 1
    head = _values(text[:start].split("\n"), "the head")
    fixed = {"num_class": "1", "num_tree_per_iteration": "1", "objective": "regression"}
    for name, value in {**fixed, "max_feature_idx": str(inputs - 1)}.items():
        if head.get(name) != value:
            raise ValueError(f"trees: {name} is not {value}")
    if any(head.get(name, "").count(" ") != inputs - 1 for name in ("feature_names", "feature_infos")):
        raise ValueError(f"trees: not {inputs} features are described")
    for number, size in enumerate(_numbers(head, "tree_sizes", INTEGERS, "the head")):
        if size < 1:
            raise ValueError(f"trees: tree {number} has no size")
        _check_tree(text[start : start + int(size)], number, inputs)
        start += int(size)
    if text[start:] != END:
        raise ValueError("trees: the sizes of the trees are not those in tree_sizes")


def _check_tree(text: str, number: int, inputs: int) -> None:
    """Check that every feature, child and leaf that a tree names exists, and that no way through it is a circle."""
    where = f"tree {number}"
    first, *lines = text.split("\n")
    if first != f"Tree={number}" or not text.endswith("\n\n"):
        raise ValueError(f"trees: {where} does not begin and end where tree_sizes says")
    values = _values(lines, where)
    if (values.get("num_cat"), values.get("is_linear", "0")) != ("0", "0"):
        raise ValueError(f"trees: {where} has categories or linear leaves")
    leaves = int(_numbers(values, "num_leaves", INTEGERS, where)[0])
    if leaves < 1:
        raise ValueError(f"trees: {where} has no leaf")
    sizes = {name: (pattern, leaves) for name, pattern in LEAVES.items()}
    sizes |= {name: (pattern, leaves - 1) for name, pattern in SPLITS.items()}
    if leaves == 1:
        sizes = {"leaf_value": sizes["leaf_value"]}  # LightGBM reads no other
    arrays = {name: _numbers(values, name, pattern, where) for name, (pattern, _) in sizes.items()}
    if odd := [name for name, (_, size) in sizes.items() if len(arrays[name]) != size]:
        raise ValueError(f"trees: {where} has {len(arrays[odd[0]])} numbers {odd[0]} for {leaves} leaves")
    if not all(np.isfinite(arrays[name]).all() for name in ("leaf_value", "threshold") if name in arrays):
        raise ValueError(f"trees: {where} has a number that is not finite")
    if leaves > 1:
        _check_splits(arrays, leaves, inputs, where)


def _check_splits(arrays: dict[str, np.ndarray], leaves: int, inputs: int, where: str) -> None:
    feature, kind = arrays["split_feature"], arrays["decision_type"]
    if feature.min() < 0 or feature.max() >= inputs:
        raise ValueError(f"trees: {where} reads a feature that is none of {inputs}")
    if not np.isin(kind, KINDS).all():
        raise ValueError(f"trees: {where} has a decision of an unknown type")
    split = np.arange(leaves - 1)
    for side in ("left_child", "right_child"):
        child = arrays[side]  # the number of a later split, or -1 - that of a leaf
        if not np.where(child < 0, child >= -leaves, (child > split) & (child < leaves - 1)).all():
            raise ValueError(f"trees: {where} has a {side} that is not there")


def _values(lines: list[str], where: str) -> dict[str, str]:
    """The values of lines NAME=VALUE by their names."""
    found = [LINE.fullmatch(line) for line in lines if line]
    values = {one["name"]: one["value"] or "" for one in found if one is not None}
    if len(values) != len(found):
        raise ValueError(f"trees: {where} has a line that is not NAME=VALUE, or a name twice")
    return values


def _numbers(values: dict[str, str], name: str, pattern: re.Pattern[str], where: str) -> np.ndarray:
    """The numbers (N,) of a line."""
    text = values.get(name, "")
    if not pattern.fullmatch(text):
        raise ValueError(f"trees: {where} has no numbers {name}")
    return np.array(text.split(" "), float)
