"""Splits of random pairs of tasks: nothing leaks, nothing is lost, order does not matter."""

import dataclasses
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gear.data.molecules.pack import empty_pack
from gear.data.splits.split import MINIMUM, assign
from gear.data.splits.split_name import FOLDS, LABEL_FOLDS, TEST_FOLDS, parse_split
from gear.data.task import PARTS, TaskTable
from gear.errors import InputDataError

# a "molecule" is "scaffold-parent-form": 3-17-0 is form 0 (the neutral one, say) of parent 3-17 with scaffold 3
MOLECULE = st.builds("{}-{}-{}".format, st.integers(0, 30), st.integers(0, 25), st.integers(0, 1))
MOLECULES = st.sets(MOLECULE, min_size=90, max_size=300).map(sorted)
MADE = ("random", "scaffold", "random-fold2", "scaffold-fold3", "extrapolation-low", "extrapolation-high", "file")
OWN = ("own_splits:parted", "own_splits:kin")
MADE = (*MADE, "random-cv2", "scaffold-cv5", *OWN)
ALLOWED = ("random-overlap", "scaffold-overlap")


def value(molecule):
    """A value that every order of rows gives alike; not one for each molecule, so that there are ties."""
    scaffold, parent, form = map(int, molecule.split("-"))
    return float((scaffold * 7 + parent * 13) % 50 + form)


def told_part(molecule):
    """Of the user's own column."""
    return PARTS[[0, 0, 0, 1, 2][sum(map(int, molecule.split("-"))) % 5]]


@pytest.fixture(autouse=True, scope="module")
def _own_splits():
    """Splits of a user's own, which lie in this module."""
    sys.modules["own_splits"] = sys.modules[__name__]
    yield
    del sys.modules["own_splits"]


def parted(table):
    """Parts, of molecules that may have one parent."""
    return [told_part(molecule) for molecule in table.smiles]


def kin(table):
    """Groups that hold two scaffolds."""
    return [int(scaffold) // 2 for scaffold in table.scaffold]


def task(molecules):
    columns = [list(molecules), [m.rsplit("-", 1)[0] for m in molecules], [m.split("-")[0] for m in molecules]]
    smiles, parent, scaffold = (np.array(column, dtype=object) for column in columns)
    values = np.array([value(m) for m in molecules])
    parts = np.array([told_part(m) for m in molecules], dtype=object)
    kin = (parent, parent, scaffold, parent, parent)
    return TaskTable(smiles, values, *kin, parts, empty_pack(), np.arange(len(smiles)), {})


def divide(target, source, split, seed=0, fold=0):
    """Molecules of every part."""
    target, source = task(target), task(source)
    of_target, of_source = assign(target, [source], parse_split(split), seed, fold)
    assert of_source.test == []
    owned = [*((target, part) for part in of_target), *((source, part) for part in of_source[:2])]
    return [sorted(owner.smiles[part]) for owner, part in owned]


@st.composite
def divided(draw, splits=MADE):
    """Two overlapping tasks and their split, where one exists."""
    target, other = draw(MOLECULES), draw(MOLECULES)
    source = sorted({*other, *target[: len(target) // 2]})
    split, seed = draw(st.sampled_from(splits)), draw(st.integers(0, 5))
    try:
        return target, source, split, seed, divide(target, source, split, seed)
    except InputDataError:
        assume(False)


def grouped(molecules, split):
    """Groups that the split must keep whole."""
    if "kin" in split:
        return {int(m.split("-")[0]) // 2 for m in molecules}
    return {m.split("-")[0] if split.startswith("scaffold") else m.rsplit("-", 1)[0] for m in molecules}


many = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)


@many
@given(divided(MADE + ALLOWED))
def test_no_molecule_is_in_two_parts_and_none_of_the_target_is_lost(case):
    target, source, _, _, (train, validation, test, source_train, source_validation) = case
    assert Counter((*train, *validation, *test)) == Counter(target)
    assert not set(source_train) & set(source_validation)
    assert {*source_train, *source_validation} <= set(source)


@many
@given(divided())
def test_nothing_the_target_is_judged_on_is_seen_by_the_source(case):
    _, _, split, _, (_, validation, test, source_train, source_validation) = case
    seen = grouped([*source_train, *source_validation], split)
    assert not grouped([*validation, *test], split) & seen


@many
@given(
    divided(("random-overlap", "scaffold-overlap", "extrapolation-high-overlap", *(f"{own}-overlap" for own in OWN)))
)
def test_where_overlap_is_allowed_the_source_keeps_all(case):
    target, source, split, seed, parts = case
    assert sorted([*parts[3], *parts[4]]) == source
    assert parts[:3] == divide(target, source, split.removesuffix("-overlap"), seed)[:3]


@many
@given(divided(tuple(split for split in MADE if split != "file")))
def test_groups_stay_whole_within_each_task(case):
    _, _, split, _, parts = case
    for of_task in (parts[:3], parts[3:]):
        groups = [grouped(part, split) for part in of_task]
        assert sum(map(len, groups)) == len(set.union(*groups))


@many
@given(divided(MADE + ALLOWED))
def test_order_of_rows_does_not_matter_and_seeds_reproduce(case):
    target, source, split, seed, parts = case
    assert divide(target[::-1], source[::-1], split, seed) == parts
    assert divide(target, source, split, seed) == parts


@many
@given(divided(("random-fold1", "scaffold-fold1")))
def test_folds_share_a_test_part_and_validate_every_other_molecule_once(case):
    target, source, split, seed, _ = case
    base = split.split("-")[0]
    folds = [divide(target, source, f"{base}-fold{k}", seed) for k in range(1, FOLDS + 1)]
    assert all(parts[2] == folds[0][2] for parts in folds)
    assert Counter(m for parts in folds for m in parts[1]) == Counter(set(target) - set(folds[0][2]))


@many
@given(divided(("random-cv1", "scaffold-cv1")))
def test_cross_validation_tests_every_molecule_once(case):
    target, source, split, seed, _ = case
    base = split.split("-")[0]
    try:
        folds = [divide(target, source, f"{base}-cv{k}", seed) for k in range(1, TEST_FOLDS + 1)]
    except InputDataError:  # too few groups for so many folds
        assume(False)
    assert Counter(m for parts in folds for m in parts[2]) == Counter(target)


def test_folds_of_a_cross_validation_are_fifths_and_so_are_their_validation_parts():
    target, source = numbered(100, 50), numbered(300, 200)
    folds = [divide(target, source, f"random-cv{k}")[:3] for k in range(1, TEST_FOLDS + 1)]
    assert [tuple(map(len, parts)) for parts in folds] == [(64, 16, 20)] * TEST_FOLDS
    validated = [divide(target, source, "random-cv1", fold=k)[1] for k in range(LABEL_FOLDS)]
    assert Counter(m for part in validated for m in part) == Counter([*folds[0][0], *folds[0][1]])
    few = divide(target, source, "random-cv1-n20")[:3]
    assert few[2] == folds[0][2]
    assert [*map(len, few)] == [16, 4, 20]


def test_all_folds_of_a_cross_validation_at_once_are_no_split():
    with pytest.raises(InputDataError, match="random-cv is 5 splits: name one, such as random-cv1"):
        divide(numbered(100, 50), numbered(300, 200), "random-cv")


@many
@given(divided(("random", "scaffold", "random-fold2", "scaffold-overlap")), st.integers(1, 3))
def test_a_validation_fold_tests_the_same_and_validates_others(case, fold):
    target, source, split, seed, parts = case
    try:
        before, after = (divide(target, source, split, seed, k) for k in (fold - 1, fold))
    except InputDataError:  # too few groups for so many folds
        assume(False)
    assert after[2] == parts[2]
    assert not set(after[1]) & set(before[1])
    assert Counter((*after[0], *after[1])) == Counter((*parts[0], *parts[1]))
    seen = grouped([*after[3], *after[4]], split)
    assert "overlap" in split or not grouped([*after[1], *after[2]], split) & seen


@many
@given(divided(("extrapolation-high", "file", *OWN)))
def test_a_split_that_says_who_validates_has_one_fold(case):
    target, source, split, seed, _ = case
    with pytest.raises(InputDataError, match="use one validation fold"):
        divide(target, source, split, seed, 1)


@many
@given(divided(("extrapolation-high", "extrapolation-low")))
def test_extrapolation_judges_beyond_the_range_of_training(case):
    _, _, split, _, (train, validation, test, *_) = case
    sign = 1 if split.endswith("high") else -1
    forms = 1.0  # molecules of one parent differ by that much and stay together
    assert min(sign * value(m) for m in test) >= max(sign * value(m) for m in validation) - forms
    assert min(sign * value(m) for m in validation) >= max(sign * value(m) for m in train) - forms


@many
@given(divided(("file",)))
def test_file_split_follows_the_users_column(case):
    _, _, _, _, parts = case
    for name, part in zip(PARTS, parts, strict=False):
        assert {told_part(m) for m in part} <= {name}


def numbered(n, groups):
    return [f"{i % groups}-{i}-0" for i in range(n)]


@pytest.mark.parametrize("split", ["random", "scaffold", "extrapolation-high"])
def test_parts_of_the_target_are_near_80_10_10(split):
    parts = divide(numbered(1000, 400), numbered(2000, 900), split)
    assert [len(part) for part in parts[:3]] == pytest.approx([800, 100, 100], abs=2)
    usable = len(parts[3]) + len(parts[4])
    assert len(parts[4]) == pytest.approx(0.1 * usable, abs=2)


@pytest.mark.parametrize("split", ["random-fold4", "scaffold-fold1"])
def test_folds_are_fifths(split):
    parts = divide(numbered(1000, 400), numbered(2000, 900), split)
    assert [len(part) for part in parts[:3]] == pytest.approx([600, 200, 200], abs=3)


@pytest.mark.parametrize("split", ["random", "scaffold", "random-fold1"])
def test_another_seed_gives_another_split(split):
    tasks = numbered(200, 80), numbered(200, 80)
    assert divide(*tasks, split, 0)[2] != divide(*tasks, split, 1)[2]


def test_large_scaffold_group_trains():
    big = [f"99-{i}-0" for i in range(50)]
    assert set(big) <= set(divide(big + numbered(100, 90), numbered(100, 90), "scaffold")[0])


def test_too_small_tasks_are_refused():
    few, many_rows = numbered(MINIMUM - 1, 10), numbered(200, 50)
    with pytest.raises(InputDataError, match=f"the target has {MINIMUM - 1} molecules"):
        divide(few, many_rows, "random")
    with pytest.raises(InputDataError, match="use a larger source"):
        divide(many_rows, few, "random")
    with pytest.raises(InputDataError, match="the target has 1 molecules"):
        divide(["0-0-0"], many_rows, "random")


def test_all_in_one_scaffold_is_refused_with_a_way_out():
    for split in ("scaffold", "scaffold-fold1"):
        with pytest.raises(InputDataError, match="use --splits random"):
            divide(numbered(100, 1), numbered(100, 50), split)
    with pytest.raises(InputDataError, match="use --splits random"):
        divide(numbered(100, 50), [f"77-{i}-0" for i in range(100)], "scaffold")


@many
@given(divided(("random", "scaffold", "random-fold2", "extrapolation-low", "file", *OWN)), st.sampled_from([20, 40]))
def test_few_labels_are_among_more_and_tested_on_the_same_molecules(case, labels):
    target, source, split, seed, (*_, whole_test, _, _) = case
    try:
        train, validation, test, *_ = divide(target, source, f"{split}-n{labels}", seed)
        more = divide(target, source, f"{split}-n{labels + 20}", seed)
    except InputDataError:
        assume(False)
    assert test == whole_test
    assert len(train) + len(validation) == labels
    assert {*train, *validation} <= {*more[0], *more[1]}
    assert not {*train} & {*validation}


def test_more_labels_than_there_are_is_one_line():
    molecules = [f"{i}-{i}-0" for i in range(100)]
    with pytest.raises(InputDataError, match="90 molecules for training and validation, fewer than the 95 labels"):
        divide(molecules, [f"{i}-{i}-1" for i in range(100, 200)], "random-n95")


@many
@given(divided(("random", "scaffold", *ALLOWED)), st.sampled_from([30, 60]), st.integers(0, 2))
def test_five_folds_of_few_labels_validate_every_label_once_and_keep_groups_whole(case, labels, division):
    target, source, split, seed, _ = case
    base, _, overlap = split.partition("-")
    name = f"{base}-n{labels}" + f"-{overlap}" * bool(overlap)
    try:
        first = divide(target, source, name, seed)
        folds = [divide(target, source, name, seed, LABEL_FOLDS * division + k) for k in range(LABEL_FOLDS)]
    except InputDataError:  # too few groups for so many folds
        assume(False)
    assert Counter(m for parts in folds for m in parts[1]) == Counter([*first[0], *first[1]])
    for train, validation, test, *of_source in folds:
        assert Counter([*train, *validation]) == Counter([*first[0], *first[1]])
        assert test == first[2]
        assert not grouped(train, base) & grouped(validation, base)
        assert overlap or not grouped([*validation, *test], base) & grouped([*of_source[0], *of_source[1]], base)
    if division == 0:
        assert folds[0] == first


def test_folds_of_few_labels_are_fifths_in_every_division():
    molecules = [f"{i}-{i}-0" for i in range(200)]
    source = [f"{i}-{i}-1" for i in range(300, 400)]
    folds = [divide(molecules, source, "random-n60", fold=fold)[1] for fold in range(2 * LABEL_FOLDS)]
    assert [len(validation) for validation in folds] == [12] * 2 * LABEL_FOLDS
    assert {frozenset(validation) for validation in folds[:5]}.isdisjoint(map(frozenset, folds[5:]))


def test_a_large_scaffold_group_of_few_labels_is_a_fold():
    target = [f"99-{i}-0" for i in range(40)] + numbered(100, 90)
    source = numbered(300, 200)
    folds = [divide(target, source, "scaffold-n100", fold=fold)[1] for fold in range(LABEL_FOLDS)]
    assert sum(any(m.startswith("99-") for m in validation) for validation in folds) == 1


def test_too_few_groups_for_a_fold_are_one_line():
    target, source = [f"{i % 3}-{i}-0" for i in range(100)], numbered(300, 200)
    with pytest.raises(InputDataError, match="too few groups of molecules for validation fold 4: use fewer folds"):
        divide(target, source, "scaffold-n40", fold=3)


@many
@given(
    MOLECULES, MOLECULES, st.sampled_from(["random", "scaffold", "random-fold2", "extrapolation-low", "own_splits:kin"])
)
def test_forms_of_one_molecule_are_in_one_part_and_not_in_the_source_of_what_is_judged(target, other, split):
    """Here forms of one molecule have different parents, and often different scaffolds."""

    def key(molecule):
        scaffold, parent, _ = molecule.split("-")
        return f"{int(scaffold) // 3}/{parent}"

    def keyed(molecules):
        keys = np.array([key(molecule) for molecule in molecules], dtype=object)
        return dataclasses.replace(task(molecules), key=keys, keys=keys)

    tasks = keyed(target), keyed(other)
    try:
        of_target, of_source = assign(tasks[0], [tasks[1]], parse_split(split), 0)
    except InputDataError:
        assume(False)
    parts = [{key(target[row]) for row in part} for part in of_target]
    assert sum(map(len, parts)) == len(set.union(*parts))
    judged, seen = parts[1] | parts[2], {key(other[row]) for part in of_source[:2] for row in part}
    assert not judged & seen
