"""A campaign folder -> the rows of its tables.

A campaign is read as it stands; studies that have not ended are left out.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gear.data.splits.split_name import parse_split, without
from gear.evaluation.comparison import STRONGEST, Change, Judged, champions, compare
from gear.evaluation.source_ranking import rank_sources
from gear.methods import METHODS
from search.campaign.campaign import Campaign
from search.campaign.events import EpochReported
from search.campaign.leaderboard import Standing, standings, units
from search.launch.campaign_result import CampaignResult, load_campaign
from search.plan.campaign_plan import BLEND
from search.results.changes import change_between
from search.results.label_curves import label_curves
from search.results.references import (
    Reference,
    read_references,
    reference_predictions_of,
    tested_predictions,
)
from search.storage.base import StoragePath
from search.storage.campaign_store import read_events

from .rows import CampaignFacts, CellChange, Expectation, LabelSaving, Loss, Row
from .sensitivity import effects

RESAMPLES = 20_000  # so that a p-value can be small enough to stay so after a correction for hundreds
TERMS = ("validation_rmse", "train/map", "train/cons", "train/auto", "train/metric", "train/curv")
PART = "-all"  # ends the preset of a part of an experiment


class Read(NamedTuple):
    """A campaign and what was read of it."""

    result: CampaignResult
    experiment: str
    standings: Sequence[Standing]
    references: Sequence[Reference]

    @property
    def campaign(self) -> Campaign:
        return self.result.campaign

    @property
    def folder(self) -> StoragePath:
        return self.result.folder

    @property
    def seed(self) -> int:
        return self.campaign.plan.search.split_seed


def collected(folder: Path) -> dict[str, list[Any]]:
    """The tables of a campaign, by name.

    Raises:
        StorageError: the folder holds no campaign, or a damaged one.
    """
    found = read(folder)
    return {
        "errors": list(rows_of(found)),
        "changes": list(_changes(found)),
        "savings": list(_savings(found)),
        "expectations": list(_expectations(found)) if found.experiment == "benchmark" else [],
        "effects": effects(found.experiment, found.campaign) if found.experiment == "sensitivity" else [],
        "losses": list(_losses(found)) if found.experiment == "ablation" else [],
        "campaigns": [_facts(found)],
    }


def read(folder: Path) -> Read:
    """A campaign from its folder."""
    result = load_campaign(folder.name, str(folder.parent))
    experiment = result.campaign.plan.preset.removesuffix(PART)
    return Read(result, experiment, standings(result.campaign), read_references(result.campaign, result.folder))


def rows_of(found: Read) -> Iterator[Row]:
    """The tested winners, blends and references of a campaign."""
    campaign, unit = found.campaign, units(found.result.head)
    scores = {study.name: study.finished[-1].numbers for study in campaign.studies.values() if study.finished}
    scores |= {blend.name: blend.numbers for blend in campaign.tested_blends}

    def row(kind: str, of: Standing | Reference, name: str, numbers: Mapping[str, float], study: str = "") -> Row:
        trials = campaign.studies[study].trials if study in campaign.studies else ()
        split, labels = group_of(of.split)
        return Row(
            experiment=found.experiment,
            pair=of.pair,
            split=split,
            labels=labels,
            split_seed=found.seed,
            method=name,
            kind=kind,
            rmse=numbers["test_rmse"],
            mae=numbers["test_mae"],
            low=numbers.get("test_rmse_low", math.nan),
            high=numbers.get("test_rmse_high", math.nan),
            rmse_units=numbers["test_rmse_units"],
            mae_units=numbers["test_mae_units"],
            unit=unit[of.pair],
            validation_rmse=numbers.get("validation_rmse", math.inf),
            molecules=int(numbers["test_n"]),
            split_hash=of.split_hash,
            trials=len(trials),
            seconds=sum(trial.seconds for trial in trials),
        )

    for one in found.standings:
        if one.test_rmse is not None and one.study in scores:
            yield row("blend" if one.method == BLEND else "method", one, one.method, scores[one.study], one.study)
    for one in found.references:
        yield row("reference", one, one.title, one.numbers)


def group_of(split: str) -> tuple[str, int]:
    """A split without its number of labels, and that number, 0 for all."""
    return without(split, ["labels"]), parse_split(split).labels or 0


def leading(campaign: Campaign) -> str | None:
    """The method that others are held against: the first of the plan that learns from sources."""
    names = [study.method_name for study in campaign.plan.studies]
    return next((name for name in names if name in METHODS and METHODS[name].uses_sources), None)


def _changes(found: Read) -> Iterator[CellChange]:
    """The leading method against every other one and the strongest reference; a blend against the champion and that."""
    lead = leading(found.campaign)
    chosen = champions([row for row in found.standings if row.method != BLEND])
    for place, rows in itertools.groupby(found.standings, key=lambda row: (row.pair, row.split)):
        tested = {row.method: row for row in rows if row.test_rmse}
        strongest = [one for one in found.references if (one.pair, one.split, one.name) == (*place, STRONGEST)]
        for name in dict.fromkeys([lead, BLEND]):
            if name not in tested:
                continue
            mine = tested[name]
            others = [row for row in tested.values() if row.method not in (name, BLEND)]
            if name == BLEND:
                others = [row for row in others if row is chosen.get(place)]
            for other in others:
                yield _change(found, mine, other.method, change_between(mine, other, found.folder, RESAMPLES))
            for reference in strongest:
                yield _change(found, mine, reference.title, _against(mine, reference, found.folder))


def _against(row: Standing, reference: Reference, folder: StoragePath) -> Change:
    mine = Judged(row.test_rmse or math.nan, tested_predictions(folder, row.study))
    return compare(mine, Judged(reference.scores["rmse"], reference_predictions_of(reference, folder)), RESAMPLES)


def _change(found: Read, row: Standing, other: str, change: Change) -> CellChange:
    return CellChange(
        found.experiment,
        row.pair,
        *group_of(row.split),
        found.seed,
        row.method,
        other,
        change.value,
        math.nan if change.interval is None else change.interval.low,
        math.nan if change.interval is None else change.interval.high,
        math.nan if change.p_value is None else change.p_value,
        change.molecules,
    )


def _savings(found: Read) -> Iterator[LabelSaving]:
    for curve in label_curves(found.standings, found.references, found.result.head, found.folder):
        for saving in curve.savings:
            of = saving.needed
            where = (found.experiment, curve.pair, curve.split, found.seed, saving.labels)
            yield LabelSaving(*where, saving.champion, saving.rival, of.value, of.low, of.high, of.most)


def _expectations(found: Read) -> Iterator[Expectation]:
    for pair, split in itertools.product(found.campaign.plan.pairs, found.campaign.plan.splits):
        (best, *_) = rank_sources(pair.target, pair.sources, split, found.seed)
        where = (found.experiment, pair.id, *group_of(split), found.seed)
        yield Expectation(*where, best.change.ratio.value - 1, best.may_help)


def _losses(found: Read) -> Iterator[Loss]:
    """The epochs of the first trial of each study."""
    plans = {study.name: study.plan for study in found.campaign.studies.values()}
    for event in read_events(found.folder):
        if isinstance(event, EpochReported) and event.number == 0:
            plan = plans[event.study]
            where = (plan.pair.id, *group_of(plan.split))
            for term in TERMS:
                if term in event.metrics:
                    value = float(event.metrics[term])
                    yield Loss(found.experiment, *where, plan.method_name, event.epoch, term, value)


def _facts(found: Read) -> CampaignFacts:
    plan = found.campaign.plan
    versions: dict[str, list[str]] = defaultdict(list)
    for launch in found.campaign.launches:
        for package, version in launch.versions.items():
            versions[package].append(version)
    told = {package: ", ".join(dict.fromkeys(several)) for package, several in versions.items()}
    commit = told.pop("commit", "")
    folds = {plan.folds(split, "search") for split in plan.splits}
    tested = [row for row in found.standings if row.method != BLEND and row.test_rmse is not None]
    return CampaignFacts(
        experiment=found.experiment,
        name=found.result.name,
        split_seed=found.seed,
        pairs=len(plan.pairs),
        studies=len(plan.studies),
        tested=len(tested),
        tested_again=sum(row.test_evaluations > 1 for row in tested),
        trials=plan.search.trials,
        epochs=plan.epochs,
        folds=", ".join(map(str, sorted(folds))),
        finalists=plan.search.finalists if plan.search.finalists > 1 else 0,
        commit=commit,
        versions="; ".join(f"{package} {version}" for package, version in told.items()),
        created=str(found.result.head["created"]),
    )
