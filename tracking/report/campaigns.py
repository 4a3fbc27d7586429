"""Campaigns as the report shows them: plain records, which `tracking.report.reading` makes of MLflow's runs."""

import math
import re
from dataclasses import dataclass, field

from gear.data.splits.split_name import joined_folds
from gear.evaluation.comparison import BASELINE, REFERENCES
from gear.evaluation.conformal import Coverage, recorded_coverage
from gear.evaluation.held_out import PartPredictions
from gear.methods import METHODS
from gear.results import OBJECTIVE
from gear.variants import method_of

__all__ = ["CampaignRecord", "ReferenceRecord", "StudyRecord", "TrialRecord"]

RAN = ("complete", "pruned")  # states of a trial whose value can be compared
MIXED = ("blend", "champion")  # stand for a method in the names of blends, and of the champions of folds
REPEAT = re.compile(r"(rescore|refit|all-labels) of #\d+")  # origins


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One configuration. `value`: its best validation RMSE; `curve`: (epoch, validation RMSE), finite ones.

    Of a study with many trials some curves are not read, see `tracking.report.thinning`; those are empty.
    """

    number: int
    state: str  # complete, pruned, failed, running or interrupted
    reason: str
    origin: str
    value: float | None
    params: dict[str, str]
    curve: tuple[tuple[int, float], ...]
    metrics: dict[str, float]  # last value of each
    findings: dict[str, str]
    run_id: str

    @property
    def ran(self) -> bool:
        """Whether its value can be compared with others'."""
        return self.state in RAN and self.value is not None

    @property
    def is_repeat(self) -> bool:
        """Whether it trains another trial's configuration again and is no part of the search."""
        return REPEAT.fullmatch(self.origin) is not None


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A method on a pair under a split.

    Attributes:
        metrics: of the parent run.
        geometry: of the winner, by name: at its first and at its last epoch.
        predictions: by part, `validation` and `test`; empty where they were not recorded.
        repeats: trials of the search, trained again with another seed.
        labels: of the target, for training and validation together; 0 where an earlier version did not record it.
        members: of a blend, which has no trials of its own: the trials that it is the mean of, in words.
        curves: number of its trials that have a learning curve, whether or not it was read.
        parts: of a result over all folds of a cross-validation, without trials of its own: the method of each fold.
    """

    campaign: str
    name: str
    pair: str
    split: str
    method: str
    unit: str
    split_hash: str
    data_hash: str
    run_id: str
    test_evaluations: int
    metrics: dict[str, float]
    trials: tuple[TrialRecord, ...]
    winner: TrialRecord | None
    geometry: dict[str, tuple[float, float]] = field(default_factory=dict)
    predictions: dict[str, PartPredictions] = field(default_factory=dict)
    repeats: tuple[TrialRecord, ...] = ()
    labels: int = 0
    members: str = ""
    curves: int = 0
    parts: str = ""

    @property
    def target(self) -> str:
        """The property that is learnt."""
        return self.pair.partition("_from_")[0]

    @property
    def source(self) -> str:
        """The property, or properties, learnt from."""
        return self.pair.partition("_from_")[2]

    @property
    def is_derived(self) -> bool:
        """Whether it is made of other studies' models and has no trials: a blend, or a result over all folds."""
        return bool(self.members or self.parts)

    @property
    def made_of(self) -> str:
        """Of how many trials or folds it is made then: `3 trials`, `5 folds`."""
        made_of, what = (self.parts, "folds") if self.parts else (self.members, "trials")
        return f"{made_of.count(',') + 1} {what}"

    @property
    def transfers(self) -> bool:
        """Whether its models learnt from a source, too; a method that is not known here does where there is one."""
        spec = METHODS.get(method_of(self.method).method)
        uses_sources = self.method != BASELINE and (spec is None or spec.uses_sources)
        return bool(self.source) and uses_sources and self.method not in MIXED

    @property
    def shown_unit(self) -> str:
        """The unit as shown: empty for a property without unit."""
        return "" if self.unit == "-" else self.unit

    @property
    def validation_rmse(self) -> float | None:
        """Of the winner, standardised; once it was tested, the value at that time."""
        best = self.metrics.get(OBJECTIVE, None if self.winner is None else self.winner.value)
        return self.metrics.get("winner_validation_rmse", best)

    @property
    def test_rmse(self) -> float | None:
        """Of the winner, standardised; None before it was tested."""
        return self.metrics.get("test_rmse")

    @property
    def test_rmse_units(self) -> float | None:
        """The same in the property's unit."""
        return self.metrics.get("test_rmse_units")

    @property
    def coverage(self) -> list[Coverage]:
        """Of the winner's prediction intervals on the test part, by level; empty where it was not recorded."""
        return recorded_coverage(self.metrics)

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data: numbers are comparable where these are equal."""
        return self.split_hash, self.data_hash

    @property
    def importance(self) -> dict[str, float]:
        """Recorded importance by setting."""
        found = {name.partition("/")[2]: v for name, v in self.metrics.items() if name.startswith("importance/")}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def count(self, state: str) -> int:
        """Number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """What predictions without a search reach on the test part of a pair and split.

    Attributes:
        metrics: `test_rmse`, `test_r2` and others, as of a study.
        predictions: for the test part; None where they were not recorded.
        labels: as of a study.
    """

    campaign: str
    name: str
    pair: str
    split: str
    unit: str
    split_hash: str
    data_hash: str
    metrics: dict[str, float]
    predictions: PartPredictions | None = None
    labels: int = 0

    @property
    def title(self) -> str:
        """Its name in tables."""
        return REFERENCES.get(self.name, self.name)

    @property
    def shown_unit(self) -> str:
        """The unit as shown: empty for a property without unit."""
        return "" if self.unit == "-" else self.unit

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data: numbers are comparable where these are equal."""
        return self.split_hash, self.data_hash

    @property
    def test_rmse(self) -> float | None:
        """Standardised."""
        return self.metrics.get("test_rmse")


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """An experiment with its studies. Times are in seconds since 1970; `versions` and `settings` by name.

    `references` is empty where an earlier version recorded the campaign.
    """

    name: str
    experiment_id: str
    studies: tuple[StudyRecord, ...]
    settings: dict[str, str]
    versions: dict[str, str]
    started: float
    ended: float
    references: tuple[ReferenceRecord, ...] = ()

    @property
    def results(self) -> list[StudyRecord]:
        """The studies that are compared: results over all folds of a cross-validation stand for its folds."""
        folds = joined_folds((study.pair, study.split) for study in self.studies if study.parts)
        return [study for study in self.studies if (study.pair, study.split) not in folds]
