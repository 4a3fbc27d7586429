"""Splits of random pairs of tasks: nothing leaks, nothing is lost, order does not matter."""

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gear.data.split import MINIMUM, SPLITS, assign
from gear.errors import InputDataError, UnknownNameError

# a "molecule" is a number with a group: "3-17" is number 17 of group 3
MOLECULES = st.sets(st.builds("{}-{}".format, st.integers(0, 30), st.integers(0, 40)), min_size=90, max_size=300).map(
    sorted
)


def group(molecule):
    return molecule.split("-")[0]


def divide(target, source, split, seed=0):
    return assign(target, source, split, seed, group)


@st.composite
def divided(draw):
    """Two overlapping tasks and their split, where one exists."""
    target, other = draw(MOLECULES), draw(MOLECULES)
    source = sorted({*other, *target[: len(target) // 2]})
    split, seed = draw(st.sampled_from(SPLITS)), draw(st.integers(0, 5))
    try:
        return target, source, split, seed, divide(target, source, split, seed)
    except InputDataError:
        assume(False)


@given(divided())
def test_no_molecule_is_in_two_parts_and_none_of_the_target_is_lost(case):
    target, source, _, _, parts = case
    counted = Counter((*parts.target_train, *parts.target_validation, *parts.target_test))
    assert counted == Counter(target)
    assert not set(parts.source_train) & set(parts.source_validation)
    assert {*parts.source_train, *parts.source_validation} <= set(source)


@given(divided())
def test_nothing_the_target_is_judged_on_is_seen_by_the_source(case):
    _, _, split, _, parts = case
    judged = {*parts.target_validation, *parts.target_test}
    seen = {*parts.source_train, *parts.source_validation}
    assert not judged & seen
    if split == "scaffold":
        assert not {group(m) for m in judged} & {group(m) for m in seen}


@given(divided())
def test_scaffold_groups_stay_whole_within_each_task(case):
    _, _, split, _, parts = case
    assume(split == "scaffold")
    target = [{group(m) for m in part} for part in parts[:3]]
    assert sum(map(len, target)) == len(set.union(*target))
    assert not {group(m) for m in parts.source_train} & {group(m) for m in parts.source_validation}


@given(divided())
def test_order_of_rows_does_not_matter_and_seeds_reproduce(case):
    target, source, split, seed, parts = case
    assert divide(target[::-1], source[::-1], split, seed) == parts
    assert divide(target, source, split, seed) == parts


def numbered(n, groups):
    return [f"{i % groups}-{i}" for i in range(n)]


@pytest.mark.parametrize("split", SPLITS)
def test_parts_of_the_target_are_near_80_10_10(split):
    target = numbered(1000, 400)
    parts = divide(target, numbered(2000, 900), split)
    assert [len(part) for part in parts[:3]] == pytest.approx([800, 100, 100], abs=2)
    usable = len(parts.source_train) + len(parts.source_validation)
    assert len(parts.source_validation) == pytest.approx(0.1 * usable, abs=2)


@pytest.mark.parametrize("split", SPLITS)
def test_another_seed_gives_another_split(split):
    tasks = numbered(200, 80), numbered(200, 80)
    assert divide(*tasks, split, 0).target_test != divide(*tasks, split, 1).target_test


def test_large_scaffold_group_trains():
    target = [f"big-{i}" for i in range(50)] + numbered(100, 100)
    parts = divide(target, numbered(100, 100), "scaffold")
    assert {f"big-{i}" for i in range(50)} <= set(parts.target_train)


def test_too_small_tasks_are_refused():
    few, many = numbered(MINIMUM - 1, 10), numbered(200, 50)
    with pytest.raises(InputDataError, match=f"the target has {MINIMUM - 1} molecules"):
        divide(few, many, "random")
    with pytest.raises(InputDataError, match="use a larger source"):
        divide(many, few, "random")


def test_all_in_one_scaffold_is_refused_with_a_way_out():
    with pytest.raises(InputDataError, match="use --splits random"):
        divide(numbered(100, 1), numbered(100, 50), "scaffold")


def test_unknown_split_is_refused():
    with pytest.raises(UnknownNameError, match="unknown split 'butina'; known: random, scaffold"):
        divide(numbered(100, 50), numbered(100, 50), "butina")
