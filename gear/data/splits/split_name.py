"""Names of splits: how molecules are divided, and how the data are changed to test a method under stress.

    random, scaffold                        80/10/10, by molecule or by scaffold group
    random-fold1 ... scaffold-fold4         a fifth is the test part; the rest is divided into four folds, of which one
                                            is the validation part
    random-cv1 ... scaffold-cv5             a fifth is the test part, of each another one; the name without the number,
                                            random-cv, stands for all five: a cross-validation
    extrapolation-high, extrapolation-low   the highest (lowest) tenth of the target's values is the test part, the next
                                            tenth the validation part
    file                                    a column of the user's file holds the part of every molecule
    my_module:my_split                      a function of the user returns the part, or the group, of every molecule
                                            (`gear.data.splits.own_split`); recorded as my_module+my_split, since a
                                            split's name is part of the names of files

followed by any of these modifiers, each once and in this order:

    -n60                                    training and validation together use only 60 molecules of the target; a
                                            larger number includes the molecules of a smaller one, and the test part
                                            does not depend on it
    -overlap                                the source keeps the molecules that the target is validated and tested on
    -gaussian20, -outliers5, -shuffled10    that per cent of the target's training labels are corrupted
    -published20                            that per cent of the test part is trained on with corrupted labels, and only
                                            they are tested, see `gear.data.splits.noise`
"""

import re
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from gear.errors import InputDataError, UnknownNameError

__all__ = [
    "FOLDED",
    "FOLDS",
    "LABEL_FOLDS",
    "NOISES",
    "SPLITS",
    "TEST_FOLDS",
    "ParsedSplit",
    "cross_validations",
    "expand_splits",
    "joined_folds",
    "parse_split",
    "with_modifiers",
    "without",
]

Modifier = Literal["labels", "overlap", "noise"]
JOINED = 0  # in place of the number of a test fold: all of them
SPLITS = ("random", "scaffold", "extrapolation-low", "extrapolation-high", "file")
FOLDS = 4
NOISES = ("gaussian", "outliers", "shuffled", "published")
FOLDED = ("random", "scaffold")
TEST_FOLDS = 5  # of a cross-validation
LABEL_FOLDS = 5  # that few labels are divided into, to validate each of them once
_OWN = r"[^\W\d]\w*([.+][^\W\d]\w*)*[:+][^\W\d]\w*"  # an import path, or as it is recorded
_NAME = re.compile(
    rf"(?P<base>{'|'.join(SPLITS)}|(?P<own>{_OWN}))(-fold(?P<fold>[1-{FOLDS}])|-cv(?P<test>[1-{TEST_FOLDS}]?))?"
    rf"(-n(?P<labels>\d+))?(?P<overlap>-overlap)?(-(?P<noise>{'|'.join(NOISES)})(?P<percent>\d+))?"
)
FEWEST_LABELS = 10
EXAMPLES = ("my_module:my_split", "NAME-n60", "NAME-overlap", "NAME-gaussian20")
KNOWN = (*SPLITS, f"random-fold1..{FOLDS}", f"scaffold-fold1..{FOLDS}", "random-cv", "scaffold-cv", *EXAMPLES)


class ParsedSplit(NamedTuple):
    """The parts of a split's name."""

    name: str  # as it is recorded
    base: str  # one of SPLITS, or the import path of a user's own
    fold: int | None = None  # from 1
    overlap: bool = False
    noise: str | None = None
    noise_percent: int = 0
    labels: int | None = None  # of training and validation together; None for all
    test_fold: int | None = None  # of a cross-validation, from 1; JOINED for all of them

    @property
    def is_own(self) -> bool:
        """Whether a function of the user divides the molecules."""
        return self.base not in SPLITS

    @property
    def fixes_validation(self) -> bool:
        """Whether it says which molecules validate, so that there is one validation fold."""
        return self.base not in FOLDED or self.fold is not None

    @property
    def folds_labels(self) -> bool:
        """Whether labels are few and each of them can be in the validation part of some fold."""
        return (self.labels is not None or self.test_fold is not None) and not self.fixes_validation

    @property
    def is_joined(self) -> bool:
        """Whether it stands for all folds of a cross-validation: it divides nothing, and its results are joined."""
        return self.test_fold == JOINED

    @property
    def standardised_by(self) -> str:
        """The labels whose standard deviation is 1 in test errors under it, in words."""
        return "all labels" if self.is_joined else "the target's training part"


def parse_split(name: str) -> ParsedSplit:
    """Parse a split's name.

    Raises:
        UnknownNameError: there is no such split.
        InputDataError: a number in the name is out of range.
    """
    match = _NAME.fullmatch(name)
    in_folds = match is not None and (match["fold"], match["test"]) != (None, None)
    if match is None or (in_folds and match["base"] not in FOLDED):
        raise UnknownNameError("split", name, KNOWN)
    labels = int(match["labels"]) if match["labels"] else None
    if labels is not None and (labels < FEWEST_LABELS or match["labels"].startswith("0")):
        raise InputDataError(f"split {name}: the number of labels must be {FEWEST_LABELS} or more")
    percent = int(match["percent"] or 0)
    if match["noise"] and not 1 <= percent <= 100:
        raise InputDataError(f"split {name}: the noise must be 1 to 100 per cent of the labels")
    fold = int(match["fold"]) if match["fold"] else None
    test_fold = None if match["test"] is None else int(match["test"] or JOINED)
    base = match["base"]
    if match["own"]:
        *modules, function = re.split("[.:+]", base)
        name, base = re.sub("[.:]", "+", name), f"{'.'.join(modules)}:{function}"
    return ParsedSplit(name, base, fold, bool(match["overlap"]), match["noise"], percent, labels, test_fold)


def expand_splits(names: Iterable[str]) -> tuple[str, ...]:
    """Splits by name; `random-kfold` becomes its four folds, `random-cv` its five, each once.

    Raises:
        UnknownNameError, InputDataError: see `parse_split`.
    """
    folds = {f"{base}-kfold": [f"{base}-fold{k}" for k in range(1, FOLDS + 1)] for base in FOLDED}
    expanded = [parse_split(split) for name in names for split in folds.get(name, [name])]
    found = (fold for split in expanded for fold in (_test_folds(split) if split.is_joined else [split.name]))
    return tuple(dict.fromkeys(found))


def cross_validations(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The cross-validations among splits of which every fold is there: their folds, in order, by the name for all.

    Raises:
        UnknownNameError, InputDataError: see `parse_split`.
    """
    splits = [parse_split(name) for name in names]
    there = {split.name for split in splits}
    joined = dict.fromkeys(_in_place(split, JOINED) for split in splits if split.test_fold)
    folds = {name: _test_folds(parse_split(name)) for name in joined}
    return {name: of_name for name, of_name in folds.items() if there.issuperset(of_name)}


def joined_folds(joined: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Pair and split of every fold of some cross-validations, which are given by pair and the name for all folds.

    Raises:
        UnknownNameError, InputDataError: see `parse_split`.
    """
    return frozenset((pair, fold) for pair, split in joined for fold in expand_splits([split]))


def _test_folds(joined: ParsedSplit) -> tuple[str, ...]:
    return tuple(_in_place(joined, number) for number in range(1, TEST_FOLDS + 1))


def _in_place(parsed: ParsedSplit, test_fold: int) -> str:
    """The name of another fold of a cross-validation."""
    return _spelled(parsed._replace(test_fold=test_fold), _noise(parsed))


def with_modifiers(name: str, *, overlap: bool = False, noise: str | None = None, labels: int | None = None) -> str:
    """The name of a split with fewer labels, overlap or noise added to what it has.

    Raises:
        UnknownNameError, InputDataError: no such split or noise, or the name has noise or a number of labels already.
    """
    parsed = parse_split(name)
    if noise is not None and parsed.noise is not None:
        raise InputDataError(f"split {name} has noise already")
    if labels is not None and parsed.labels is not None:
        raise InputDataError(f"split {name} names its number of labels already")
    more = parsed._replace(overlap=overlap or parsed.overlap, labels=labels or parsed.labels)
    return _spelled(more, noise or _noise(parsed))


def without(name: str, modifiers: Collection[Modifier]) -> str:
    """The name of a split without some of its modifiers.

    Raises:
        UnknownNameError, InputDataError: see `parse_split`.
    """
    parsed = parse_split(name)
    labels = None if "labels" in modifiers else parsed.labels
    overlap = parsed.overlap and "overlap" not in modifiers
    noise = "" if "noise" in modifiers else _noise(parsed)
    return _spelled(parsed._replace(overlap=overlap, labels=labels), noise)


def _noise(parsed: ParsedSplit) -> str:
    return f"{parsed.noise}{parsed.noise_percent}" if parsed.noise else ""


def _spelled(parsed: ParsedSplit, noise: str) -> str:
    parts = [
        parsed.base,
        "" if parsed.fold is None else f"fold{parsed.fold}",
        "" if parsed.test_fold is None else f"cv{parsed.test_fold or ''}",
        "" if parsed.labels is None else f"n{parsed.labels}",
        "overlap" if parsed.overlap else "",
        noise,
    ]
    return parse_split("-".join(filter(None, parts))).name
