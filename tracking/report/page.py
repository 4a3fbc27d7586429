"""The page: what is told, in what words. `page.html` says how it is laid out."""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata, resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gear.evaluation.uncertainty import Interval, interval, rmse
from tracking.report.campaigns import CampaignRecord, StudyRecord
from tracking.report.charts import change_chart, curvature_chart, method_colour, per_cent
from tracking.report.compare import (
    BASELINE,
    Change,
    Verdict,
    averages,
    best_transfer,
    changes,
    learns_logarithm,
    verdict,
)
from tracking.report.drawing import COLOURS, Drawing, to_svg
from tracking.report.setting_charts import importance_chart, parallel_chart, weights_chart
from tracking.report.settings import FEWEST, relative_values
from tracking.report.study_charts import curves_chart, parity_chart

__all__ = ["Page", "make_page"]

DENSITY, FEWEST_POINTS, MOST_POINTS = 30_000, 60, 500  # points of a chart: fewer where there are many studies
OPEN_AT_FIRST = 2  # groups of studies whose details are unfolded; in a larger campaign none is
NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class Page:
    """The text of the page, and its drawings."""

    html: str
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the leaderboard: a study, its change against the baseline if it has one, and what stands out."""

    study: StudyRecord
    change: Change | None
    chosen: bool  # lowest validation RMSE of its pair and split

    @property
    def test_interval(self) -> Interval | None:
        """Of the standardised test RMSE, as recorded."""
        return _recorded(self.study, "test_rmse")

    @property
    def units_interval(self) -> Interval | None:
        """Of the test RMSE in units: as recorded, or from the predictions."""
        part = self.study.predictions.get("test")
        return _recorded(self.study, "test_rmse_units") or (interval(part.error, rmse) if part else None)

    @property
    def validation_units(self) -> float | None:
        """Validation RMSE in units, from the predictions."""
        part = self.study.predictions.get("validation")
        return float(rmse(part.error)) if part else None


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
    """What each source does for a target: by split, the changes of the methods chosen on validation, best first."""

    target: str
    splits: dict[str, list[Change]]

    @property
    def words(self) -> str:
        """Which source helps most under each split, `random: bp; scaffold: none helps`."""
        best = {split: found[0] for split, found in self.splits.items()}
        return "; ".join(
            f"{split}: {change.study.source if change.change < 0 else 'none helps'}" for split, change in best.items()
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that happened to several trials."""

    text: str
    count: int
    studies: tuple[str, ...]


def make_page(campaigns: Sequence[CampaignRecord], now: datetime.datetime) -> Page:
    """Tell what campaigns found.

    Args:
        campaigns: to be told of together.
        now: time of writing.
    """
    studies = [study for campaign in campaigns for study in campaign.studies]
    found = changes(studies)
    summed = verdict(studies, found)
    overview = _overview(studies, found)
    groups = _groups(studies, found)
    drawings = [*overview.values(), *(d for group in groups for view in group.views for d in view.drawings)]
    environment = Environment(
        loader=PackageLoader("tracking.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"per_cent": per_cent, "moment": _moment, "interval": _ends, "svg": _svg}
    html = environment.get_template("page.html").render(
        title=" and ".join(c.name for c in campaigns) if len(campaigns) < 4 else f"{len(campaigns)} campaigns",
        campaigns=campaigns,
        studies=studies,
        several=len(campaigns) > 1,
        verdict=_verdict_words(summed),
        rows=_rows(studies, found),
        averages=averages(studies, found),
        rankings=_rankings(best_transfer(found)),
        overview=overview,
        groups=groups,
        unfolded=len(groups) <= OPEN_AT_FIRST,
        failures=_causes((t.reason, s.name) for s in studies for t in s.trials if t.state == "failed"),
        findings=_causes((text, s.name) for s in studies for t in s.trials for text in t.findings.values()),
        fewest=FEWEST,
        baseline=BASELINE,
        not_recorded=NOT_RECORDED,
        now=now,
        versions=_versions(campaigns),
        style=Markup(_style()),
        script=Markup(_text("page.js")),
    )
    return Page(html, tuple(drawings))


def _overview(studies: Sequence[StudyRecord], found: Sequence[Change]) -> dict[str, Drawing]:
    """Charts of all studies together, by name."""
    splits = dict.fromkeys(study.split for study in studies)
    charts = {
        f"change-{split}": change_chart(f"change-{split}", split, [c for c in found if c.study.split == split])
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


def _groups(studies: Sequence[StudyRecord], found: Sequence[Change]) -> list[Group]:
    density = max(FEWEST_POINTS, min(MOST_POINTS, DENSITY // max(len(studies), 1)))
    several = len({study.campaign for study in studies}) > 1
    members: dict[tuple[str, str, str], list[StudyRecord]] = {}
    for study in studies:
        members.setdefault((study.campaign, study.pair, study.split), []).append(study)
    best = {(c.study.campaign, c.study.pair, c.study.split): c for c in best_transfer(found)}
    groups = []
    for key, group in members.items():
        title = f"{key[1]}, {key[2]}" + (f" ({key[0]})" if several else "")
        summary = f"{len(group)} methods, {sum(len(study.trials) for study in group)} trials"
        if key in best:
            summary += f"; {best[key].study.method} against {BASELINE}: {per_cent(best[key].change)}"
        log = learns_logarithm(group)
        views = tuple(StudyView(study, tuple(_study_drawings(study, density, log, several))) for study in group)
        groups.append(Group(title, _slug("-".join(key)), summary, views))
    return groups


def _study_drawings(study: StudyRecord, density: int, log: bool, several: bool) -> list[Drawing]:
    name = _slug(f"{study.campaign}.{study.name}" if several else study.name)
    ran = [trial for trial in study.trials if trial.ran]
    series = [(trial, trial.value or 0.0) for trial in ran]
    charts = [
        parity_chart(f"{name}-parity", study, density, log=log),
        curves_chart(f"{name}-curves", study, max(8, density // 12)),
        importance_chart(f"{name}-importance", study),
        parallel_chart(f"{name}-parallel", study),
        weights_chart(
            f"{name}-weights", f"Loss weights of {study.name}", series, "validation RMSE", method_colour(study.method)
        ),
    ]
    return [chart for chart in charts if chart is not None]


def _rows(studies: Sequence[StudyRecord], found: Sequence[Change]) -> list[Row]:
    of_study = {change.study.run_id: change for change in found}
    best: dict[tuple[str, str, str], StudyRecord] = {}
    for study in studies:
        key = (study.campaign, study.pair, study.split)
        if study.validation_rmse is not None:
            rival = best.setdefault(key, study).validation_rmse
            if rival is not None and study.validation_rmse < rival:
                best[key] = study
    chosen = {study.run_id for study in best.values()}
    return [Row(study, of_study.get(study.run_id), study.run_id in chosen) for study in studies]


def _rankings(best: Sequence[Change]) -> list[Ranking]:
    targets: dict[str, dict[str, list[Change]]] = {}
    for change in sorted(best, key=lambda change: (change.study.target, change.study.split, change.change)):
        targets.setdefault(change.study.target, {}).setdefault(change.study.split, []).append(change)
    return [Ranking(target, splits) for target, splits in targets.items()]


def _verdict_words(summed: Verdict) -> list[str]:
    """A few plain sentences; the first is the answer."""
    best, n = summed.best, len(summed.best)
    if not best:
        return [
            f"Whether transfer helped cannot be said: no pair and split has both {BASELINE} (single-task training) and "
            "a transfer method tested on the same molecules."
        ]
    pairs = "comparison" if n == 1 else "comparisons"
    said = [f"Transfer helped on {summed.helped} of {n} {pairs} of a pair under a split."]
    if any(change.interval for change in best):
        said.append(
            f"Beyond chance (95 %) it lowered the test error on {summed.surely_helped} and raised it on "
            f"{summed.surely_harmed}; the rest can be chance."
        )
    else:
        said.append("Predictions of single molecules were not recorded, so chance cannot be told from effect.")
    low, high = min(best, key=lambda c: c.change), max(best, key=lambda c: c.change)
    said.append(f"Largest gain: {_named(low)}." if low.change < 0 else f"Least harm: {_named(low)}.")
    if high is not low:
        said.append(f"Largest loss: {_named(high)}." if high.change > 0 else f"Smallest gain: {_named(high)}.")
    if summed.incomparable:
        said.append(f"Without {BASELINE} or without a test, and so not compared: {summed.incomparable} more.")
    return said


def _named(change: Change) -> str:
    return f"{change.study.method} on {change.study.pair} {change.study.split}, {per_cent(change.change)} test RMSE"


def _causes(pairs: Iterable[tuple[str, str]]) -> list[Cause]:
    """Texts that differ in their numbers alone are one cause, the most frequent first."""
    counts: Counter[str] = Counter()
    where: dict[str, dict[str, None]] = {}
    for text, study in pairs:
        cause = re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "…", text.splitlines()[0][:160] if text else "no reason was recorded")
        counts[cause] += 1
        where.setdefault(cause, {})[study] = None
    return [Cause(text, count, tuple(where[text])) for text, count in counts.most_common()]


def _recorded(study: StudyRecord, metric: str) -> Interval | None:
    found = [study.metrics.get(f"{metric}{end}") for end in ("", "_low", "_high")]
    return Interval(*(value for value in found if value is not None)) if None not in found else None


def _versions(campaigns: Sequence[CampaignRecord]) -> dict[str, str]:
    """Of the packages that searched, where they were recorded, and of those that wrote the page."""
    found = {name: version for campaign in campaigns for name, version in campaign.versions.items()}
    return found | {f"{name} (this page)": metadata.version(name) for name in ("gear-search", "mlflow")}


def _moment(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _ends(found: Interval | None, scale: str = "{:.4g}") -> str:
    return "" if found is None else f"{scale.format(found.low)} to {scale.format(found.high)}"


def _svg(drawing: Drawing) -> Markup:
    return Markup(to_svg(drawing, inline=True))


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", name)


def _style() -> str:
    light, dark = ("".join(f"--{name}:{pair[k]};" for name, pair in COLOURS.items()) for k in (0, 1))
    return (
        f":root{{{light}color-scheme:light}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}color-scheme:dark}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark}}}}\n{_text('page.css')}"
    )


def _text(name: str) -> str:
    return resources.files("tracking.report").joinpath(name).read_text("utf-8")
