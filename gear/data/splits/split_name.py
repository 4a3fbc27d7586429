"""Names of splits: how molecules are divided, and how the data are changed to test a method under stress.

    random, scaffold                        80/10/10, by molecule or by scaffold group
    random-fold1 ... scaffold-fold4         a fifth is the test part; the rest is divided into four folds, of which one
                                            is the validation part
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
    "ParsedSplit",
    "expand_splits",
    "parse_split",
    "with_modifiers",
    "without",
]

Modifier = Literal["labels", "overlap", "noise"]
SPLITS = ("random", "scaffold", "extrapolation-low", "extrapolation-high", "file")
FOLDS = 4
NOISES = ("gaussian", "outliers", "shuffled", "published")
FOLDED = ("random", "scaffold")
LABEL_FOLDS = 5  # that a limited number of labels is divided into
_OWN = r"[^\W\d]\w*([.+][^\W\d]\w*)*[:+][^\W\d]\w*"  # an import path, or as it is recorded
_NAME = re.compile(
    rf"(?P<base>{'|'.join(SPLITS)}|(?P<own>{_OWN}))(-fold(?P<fold>[1-{FOLDS}]))?(-n(?P<labels>\d+))?"
    rf"(?P<overlap>-overlap)?(-(?P<noise>{'|'.join(NOISES)})(?P<percent>\d+))?"
)
FEWEST_LABELS = 10
EXAMPLES = ("my_module:my_split", "NAME-n60", "NAME-overlap", "NAME-gaussian20")
KNOWN = (*SPLITS, f"random-fold1..{FOLDS}", f"scaffold-fold1..{FOLDS}", *EXAMPLES)


class ParsedSplit(NamedTuple):
    """The parts of a split's name."""

    name: str  # as it is recorded
    base: str  # one of SPLITS, or the import path of a user's own
    fold: int | None = None  # from 1
    overlap: bool = False
    noise: str | None = None
    noise_percent: int = 0
    labels: int | None = None  # of training and validation together; None for all

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
        """Whether the number of labels is limited and each of them can be in the validation part of some fold."""
        return self.labels is not None and not self.fixes_validation


def parse_split(name: str) -> ParsedSplit:
    """Parse a split's name.

    Raises:
        UnknownNameError: there is no such split.
        InputDataError: a number in the name is out of range.
    """
    match = _NAME.fullmatch(name)
    if match is None or (match["fold"] and match["base"] not in FOLDED):
        raise UnknownNameError("split", name, KNOWN)
    labels = int(match["labels"]) if match["labels"] else None
    if labels is not None and (labels < FEWEST_LABELS or match["labels"].startswith("0")):
        raise InputDataError(f"split {name}: the number of labels must be {FEWEST_LABELS} or more")
    percent = int(match["percent"] or 0)
    if match["noise"] and not 1 <= percent <= 100:
        raise InputDataError(f"split {name}: the noise must be 1 to 100 per cent of the labels")
    fold = int(match["fold"]) if match["fold"] else None
    base = match["base"]
    if match["own"]:
        *modules, function = re.split("[.:+]", base)
        name, base = re.sub("[.:]", "+", name), f"{'.'.join(modules)}:{function}"
    return ParsedSplit(name, base, fold, bool(match["overlap"]), match["noise"], percent, labels)


def expand_splits(names: Iterable[str]) -> tuple[str, ...]:
    """Splits by name; `random-kfold` and `scaffold-kfold` become their four folds. Repetitions are removed.

    Raises:
        UnknownNameError, InputDataError: see `parse_split`.
    """
    folds = {f"{base}-kfold": [f"{base}-fold{k}" for k in range(1, FOLDS + 1)] for base in FOLDED}
    expanded = [split for name in names for split in folds.get(name, [name])]
    return tuple(dict.fromkeys(parse_split(split).name for split in expanded))


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
    noise = noise or (f"{parsed.noise}{parsed.noise_percent}" if parsed.noise else "")
    return _joined(parsed._replace(overlap=overlap or parsed.overlap, labels=labels or parsed.labels), noise)


def without(name: str, modifiers: Collection[Modifier]) -> str:
    """The name of a split without some of its modifiers.

    Raises:
        UnknownNameError, InputDataError: see `parse_split`.
    """
    parsed = parse_split(name)
    labels = None if "labels" in modifiers else parsed.labels
    overlap = parsed.overlap and "overlap" not in modifiers
    noise = f"{parsed.noise}{parsed.noise_percent}" if parsed.noise and "noise" not in modifiers else ""
    return _joined(parsed._replace(overlap=overlap, labels=labels), noise)


def _joined(parsed: ParsedSplit, noise: str) -> str:
    parts = [
        parsed.base if parsed.fold is None else f"{parsed.base}-fold{parsed.fold}",
        "" if parsed.labels is None else f"n{parsed.labels}",
        "overlap" if parsed.overlap else "",
        noise,
    ]
    return parse_split("-".join(filter(None, parts))).name
