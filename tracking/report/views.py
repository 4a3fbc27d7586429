"""What the report's page shows, section by section, made of the records; `page.html` decides how it is laid out."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gear.evaluation.comparison import BASELINE, Change, champions
from gear.evaluation.uncertainty import Interval, interval, rmse
from tracking.report.campaigns import CampaignRecord, ReferenceRecord, StudyRecord
from tracking.report.charts import change_chart, curvature_chart, method_colour, per_cent
from tracking.report.compare import StudyChange, best_transfer, learns_logarithm
from tracking.report.drawing import Drawing
from tracking.report.setting_charts import importance_chart, parallel_chart, weights_chart
from tracking.report.settings import relative_values
from tracking.report.study_charts import curves_chart, parity_chart
from tracking.report.thinning import room

__all__ = [
    "Cause",
    "Group",
    "Ranking",
    "ReferenceRow",
    "Row",
    "StudyView",
    "causes",
    "groups",
    "overview",
    "rankings",
    "rows",
]

DENSITY, FEWEST_POINTS, MOST_POINTS = 30_000, 60, 500  # points per chart: in all charts together, least, most


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the leaderboard: a study, with its changes if it can be compared.

    Attributes:
        study: to be shown.
        change: of the test RMSE against the baseline.
        against: of the test RMSE against the strongest reference.
        chosen: whether it has the lowest validation RMSE of its pair and split.
    """

    study: StudyRecord
    change: Change | None
    against: Change | None
    chosen: bool
    is_reference = False

    @property
    def test_interval(self) -> Interval | None:
        """Of the standardised test RMSE, as recorded."""
        return _recorded(self.study, "test_rmse")

    @property
    def findings(self) -> list[str]:
        """What looks wrong with the winner."""
        return [] if self.study.winner is None else list(self.study.winner.findings.values())

    @property
    def units_interval(self) -> Interval | None:
        """Of the test RMSE in units: as recorded, or from the predictions."""
        part = self.study.predictions.get("test")
        recorded = _recorded(self.study, "test_rmse_units")
        return recorded or (interval(part.error, rmse, molecules=part.smiles) if part else None)

    @property
    def validation_units(self) -> float | None:
        """Validation RMSE in units, from the predictions."""
        part = self.study.predictions.get("validation")
        return float(rmse(part.error)) if part else None


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A line of the leaderboard: a reference, below the studies of its pair and split."""

    study: ReferenceRecord
    is_reference = True

    @property
    def test_interval(self) -> Interval | None:
        """Of the standardised test RMSE, as recorded."""
        return _recorded(self.study, "test_rmse")

    @property
    def units_interval(self) -> Interval | None:
        """Of the test RMSE in units, as recorded."""
        return _recorded(self.study, "test_rmse_units")


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study's charts."""

    study: StudyRecord
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The studies of a pair under a split."""

    title: str
    anchor: str
    summary: str
    views: tuple[StudyView, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The gain of each source for a target: by split, the changes of the methods chosen on validation, best first."""

    target: str
    splits: dict[str, list[StudyChange]]

    @property
    def words(self) -> str:
        """Which source helps most under each split, `random: bp; scaffold: none helps`."""
        best = {split: found[0] for split, found in self.splits.items()}
        return "; ".join(
            f"{split}: {change.study.source if change.value < 0 else 'none helps'}" for split, change in best.items()
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure or a finding, how many trials have it, and in which studies."""

    text: str
    count: int
    studies: tuple[str, ...]


def overview(studies: Sequence[StudyRecord], found: Sequence[StudyChange]) -> dict[str, Drawing]:
    """Charts of all studies together, by name."""
    splits = dict.fromkeys(study.split for study in studies)
    charts = {
        f"{kind}-{split}": change_chart(f"{kind}-{split}", split, [c for c in some if c.study.split == split])
        for kind, some in (
            ("change", [change for change in found if change.study.transfers]),
            ("others", [change for change in found if not change.study.transfers]),
        )
        for split in splits
    }
    charts["curvature"] = curvature_chart("curvature", studies)
    pooled = []
    for study in studies:
        trials = [trial for trial in study.trials if trial.ran]
        if study.method == "gear":
            pooled += list(zip(trials, relative_values(trials), strict=True))
    title = "Loss weights and transfer depth of GEAR, all studies together"
    charts["weights"] = weights_chart("weights", title, pooled, "RMSE over median", "blue")
    return {name: chart for name, chart in charts.items() if chart is not None}


def groups(studies: Sequence[StudyRecord], found: Sequence[StudyChange]) -> list[Group]:
    """The studies of every campaign, pair and split, with their charts."""
    density = max(FEWEST_POINTS, min(MOST_POINTS, DENSITY // max(len(studies), 1)))
    most = room(len(studies))
    several = len({study.campaign for study in studies}) > 1
    members: dict[tuple[str, str, str], list[StudyRecord]] = {}
    for study in studies:
        members.setdefault((study.campaign, study.pair, study.split), []).append(study)
    best = {(c.study.campaign, c.study.pair, c.study.split): c for c in best_transfer(found)}
    made = []
    for key, group in members.items():
        title = f"{key[1]}, {key[2]}" + (f" ({key[0]})" if several else "")
        summary = f"{len(group)} methods, {sum(len(study.trials) for study in group)} trials"
        if key in best:
            summary += f"; {best[key].study.method} against {BASELINE}: {per_cent(best[key].value)}"
        log = learns_logarithm(group)
        views = tuple(
            StudyView(study, tuple(_study_drawings(study, density, most, log=log, several=several))) for study in group
        )
        made.append(Group(title, _slug("-".join(key)), summary, views))
    return made


def _study_drawings(study: StudyRecord, density: int, most: int, *, log: bool, several: bool) -> list[Drawing]:
    name = _slug(f"{study.campaign}.{study.name}" if several else study.name)
    ran = [trial for trial in study.trials if trial.ran]
    series = [(trial, trial.value or 0.0) for trial in ran]
    charts = [
        parity_chart(f"{name}-parity", study, density, log=log),
        curves_chart(f"{name}-curves", study, max(8, density // 12)),
        importance_chart(f"{name}-importance", study),
        parallel_chart(f"{name}-parallel", study, most),
        weights_chart(
            f"{name}-weights", f"Loss weights of {study.name}", series, "validation RMSE", method_colour(study.method)
        ),
    ]
    return [chart for chart in charts if chart is not None]


def rows(
    campaigns: Sequence[CampaignRecord], found: Sequence[StudyChange], against: Mapping[str, Change]
) -> list[Row | ReferenceRow]:
    """The leaderboard: for each campaign, pair and split a row a study, then a row a reference.

    Args:
        campaigns: to be shown.
        found: changes against the baseline.
        against: changes against the strongest reference, by run of the study.
    """
    of_study = {change.study.run_id: change.change for change in found}
    made: list[Row | ReferenceRow] = []
    for campaign in campaigns:
        results = campaign.results
        chosen = {study.run_id for study in champions(results).values()}
        for pair, split in dict.fromkeys((study.pair, study.split) for study in results):
            for study in results:
                if (study.pair, study.split) == (pair, split):
                    run = study.run_id
                    made.append(Row(study, of_study.get(run), against.get(run), run in chosen))
            here = (found for found in campaign.references if (found.pair, found.split) == (pair, split))
            made += map(ReferenceRow, here)
    return made


def rankings(best: Sequence[StudyChange]) -> list[Ranking]:
    """For every target, its sources by what their best transfer method gains."""
    targets: dict[str, dict[str, list[StudyChange]]] = {}
    for change in sorted(best, key=lambda change: (change.study.target, change.study.split, change.value)):
        targets.setdefault(change.study.target, {}).setdefault(change.study.split, []).append(change)
    return [Ranking(target, splits) for target, splits in targets.items()]


def causes(pairs: Iterable[tuple[str, str]]) -> list[Cause]:
    """Texts and their studies, grouped; texts that differ only in their numbers are one cause, most frequent first."""
    counts: Counter[str] = Counter()
    where: dict[str, dict[str, None]] = {}
    for text, study in pairs:
        cause = re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "…", text.splitlines()[0][:160] if text else "no reason was recorded")
        counts[cause] += 1
        where.setdefault(cause, {})[study] = None
    return [Cause(text, count, tuple(where[text])) for text, count in counts.most_common()]


def _recorded(study: StudyRecord | ReferenceRecord, metric: str) -> Interval | None:
    found = [study.metrics.get(f"{metric}{end}") for end in ("", "_low", "_high")]
    return Interval(*(value for value in found if value is not None)) if None not in found else None


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", name)
