"""Names of splits."""

import pytest

from gear.data import expand_splits, parse_split
from gear.data.splits.split_name import ParsedSplit, cross_validations, with_modifiers, without
from gear.errors import InputDataError, UnknownNameError


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("random", ("random",)),
        ("scaffold-fold3", ("scaffold", 3)),
        ("extrapolation-low-overlap", ("extrapolation-low", None, True)),
        ("file-gaussian20", ("file", None, False, "gaussian", 20)),
        ("random-fold1-overlap-shuffled100", ("random", 1, True, "shuffled", 100)),
        ("scaffold-n60", ("scaffold", None, False, None, 0, 60)),
        ("random-fold1-n240-overlap-gaussian20", ("random", 1, True, "gaussian", 20, 240)),
        ("scaffold-cv5-n60", ("scaffold", None, False, None, 0, 60, 5)),
        ("random-cv-overlap", ("random", None, True, None, 0, None, 0)),
    ],
)
def test_name_is_taken_apart(name, parts):
    assert parse_split(name) == ParsedSplit(name, *parts)


@pytest.mark.parametrize("name", ["mine.deep:by_weight", "mine+deep+by_weight"])
def test_own_split_is_recorded_by_a_name_that_a_file_may_have(name):
    found = parse_split(f"{name}-n60-overlap-gaussian20")
    assert found == ParsedSplit(
        "mine+deep+by_weight-n60-overlap-gaussian20", "mine.deep:by_weight", None, True, "gaussian", 20, 60
    )
    assert found.is_own
    assert not parse_split("file-n60").is_own
    assert parse_split(found.name) == found
    assert with_modifiers(with_modifiers(name, labels=60), overlap=True, noise="gaussian20") == found.name
    assert expand_splits([name, "mine.deep:by_weight"]) == ("mine+deep+by_weight",)


@pytest.mark.parametrize(
    "name",
    [
        *("butina", "random-fold5", "file-fold1", "random-gaussian", "random-gaussian20-overlap", "Random", ""),
        *("random-cv6", "random-cv0", "file-cv", "random-fold1-cv1", "random-cv1-fold1", "a:b-cv"),
        *("a:", "a:b.c:d-", "a:b-fold1", "../a:b", "a/b:c"),
    ],
)
def test_unknown_split_is_named_with_what_there_is(name):
    with pytest.raises(UnknownNameError, match=f"unknown split '{name}'; known: random, scaffold"):
        parse_split(name)


def test_share_of_noise_is_a_percentage():
    with pytest.raises(InputDataError, match="must be 1 to 100 per cent"):
        parse_split("random-gaussian0")


@pytest.mark.parametrize("name", ["random-n0", "random-n9", "random-n060"])
def test_a_number_of_labels_is_one_that_can_be_divided(name):
    with pytest.raises(InputDataError, match="10 or more"):
        parse_split(name)


def test_kfold_is_its_four_folds():
    assert expand_splits(["scaffold-kfold", "random", "scaffold-fold2"]) == (
        "scaffold-fold1",
        "scaffold-fold2",
        "scaffold-fold3",
        "scaffold-fold4",
        "random",
    )


def test_cross_validation_is_its_five_folds_and_is_known_by_them():
    folds = tuple(f"random-cv{k}-n60" for k in range(1, 6))
    assert expand_splits(["scaffold", "random-cv-n60", "random-cv2-n60"]) == ("scaffold", *folds)
    assert cross_validations(["scaffold", *folds[::-1], "random-cv1"]) == {"random-cv-n60": folds}
    assert cross_validations(folds[:4]) == {}
    assert cross_validations(["random", "random-fold1", "mine:parts"]) == {}
    assert without(folds[0], ["labels"]) == "random-cv1"
    assert with_modifiers("random-cv", labels=60) == "random-cv-n60"
    assert (parse_split("random-cv").is_joined, parse_split(folds[0]).is_joined) == (True, False)


def test_modifiers_are_added_in_their_order():
    assert with_modifiers("random", overlap=True, noise="gaussian5") == "random-overlap-gaussian5"
    assert with_modifiers("random-gaussian5", overlap=True, noise=None) == "random-overlap-gaussian5"
    assert with_modifiers("random-overlap", overlap=True, noise=None) == "random-overlap"
    assert with_modifiers("random") == "random"
    assert with_modifiers("scaffold-fold2-overlap-outliers5", labels=30) == "scaffold-fold2-n30-overlap-outliers5"
    with pytest.raises(InputDataError, match="names its number of labels already"):
        with_modifiers("random-n60", labels=30)
    with pytest.raises(InputDataError, match="has noise already"):
        with_modifiers("random-gaussian5", overlap=False, noise="outliers5")
    with pytest.raises(UnknownNameError):
        with_modifiers("random", overlap=False, noise="static5")
