"""What the results of campaigns are recorded as: the rows of the Parquet tables."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["method", "blend", "reference"]


@dataclass(frozen=True, slots=True)
class Row:
    """What a study's winner, a blend or a reference reached on its test part. Errors are standardised.

    Attributes:
        experiment: preset of the campaign; parts of the benchmark are one.
        split: without the number of labels.
        labels: 0 for all.
        low: end of the 95 % interval of the RMSE, by a bootstrap over the test molecules.
        rmse_units: in the unit of the property.
        validation_rmse: infinite where nothing was validated, as for references.
        seconds: of all trials of the study, each on one core.
    """

    experiment: str
    pair: str
    split: str
    labels: int
    split_seed: int
    method: str
    kind: Kind
    rmse: float
    mae: float
    low: float
    high: float
    rmse_units: float
    mae_units: float
    unit: str
    validation_rmse: float
    molecules: int
    split_hash: str
    trials: int = 0
    seconds: float = 0.0

    @property
    def group(self) -> tuple[str, int]:
        """What tables are made of: kind of split and number of labels."""
        return self.split, self.labels

    @property
    def cell(self) -> tuple[str, int, str]:
        """What its error is compared within: pair, split seed and test molecules."""
        return self.pair, self.split_seed, self.split_hash


@dataclass(frozen=True, slots=True)
class CellChange:
    """The change of the test RMSE of a method against another's on one pair, split and seed: -0.1 is lower by 10 %.

    `low` and `high` end the 95 % interval of a paired bootstrap over the test molecules, `p_value` is two-sided.
    """

    experiment: str
    pair: str
    split: str
    labels: int
    split_seed: int
    method: str
    other: str
    value: float
    low: float
    high: float
    p_value: float
    molecules: int


@dataclass(frozen=True, slots=True)
class Expectation:
    """What `gear-search data sources` expects of a pair's source before a search.

    `change` is of the RMSE with the source against that without it: -0.1 is lower by 10 %. `gain` says whether the
    probe expects a gain worth a search.
    """

    experiment: str
    pair: str
    split: str
    labels: int
    split_seed: int
    change: float
    gain: bool

    @property
    def group(self) -> tuple[str, int]:
        """Kind of split and number of labels."""
        return self.split, self.labels


@dataclass(frozen=True, slots=True)
class LabelSaving:
    """What a rival needs for the error that the champion of a number of labels reaches; see `gear.evaluation`.

    `needed` is 0 where fewer labels than were measured suffice, infinite where more are needed.
    """

    experiment: str
    pair: str
    split: str
    split_seed: int
    labels: int
    champion: str
    rival: str
    needed: float
    low: float
    high: float
    most: int


@dataclass(frozen=True, slots=True)
class Effect:
    """Trials of a method with a setting at one level, against the mean of their study.

    Attributes:
        level: a value, or a third of the searched range.
        change: mean over studies of the logarithm of the validation RMSE over the study's geometric mean.
        error: standard error of that mean.
        importance: of the setting, over all levels (PED-ANOVA).
    """

    experiment: str
    method: str
    setting: str
    level: str
    change: float
    error: float
    trials: int
    studies: int
    importance: float


@dataclass(frozen=True, slots=True)
class Loss:
    """A number of each epoch of the first trial of a study, which has the default configuration."""

    experiment: str
    pair: str
    split: str
    labels: int
    method: str
    epoch: int
    term: str
    value: float


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What a campaign was, for whoever wants to run it again.

    `tested` counts the studies whose winner was tested, `tested_again` those of them that had been tested before, since
    the time budget of a launch had ended.
    """

    experiment: str
    name: str
    split_seed: int
    pairs: int
    studies: int
    tested: int
    tested_again: int
    trials: int
    epochs: int
    folds: str
    finalists: int
    commit: str
    versions: str
    created: str


def with_champions(rows: Iterable[Row], name: str = "champion") -> list[Row]:
    """The rows, and for each cell that of the method with the lowest validation error once more, under another name.

    Blends and references are not chosen from.
    """
    found = list(rows)
    best: dict[tuple[str, int, str], Row] = {}
    for row in found:
        if row.kind == "method":
            best[row.cell] = min(best.get(row.cell, row), row, key=lambda one: one.validation_rmse)
    return [*found, *(replace(row, method=name) for row in best.values())]
