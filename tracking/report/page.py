"""The page as one HTML text: its style, its script and the views of `tracking.report.views`."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gear.evaluation.comparison import BASELINE, REFERENCES, STRONGEST
from gear.evaluation.uncertainty import Interval
from tracking.report import views
from tracking.report.campaigns import CampaignRecord
from tracking.report.charts import per_cent
from tracking.report.compare import averages, best_transfer, changes, reference_changes
from tracking.report.drawing import COLOURS, Drawing, to_svg
from tracking.report.label_curves import label_views
from tracking.report.settings import FEWEST
from tracking.report.verdict import verdict, verdict_words

__all__ = ["Page", "make_page"]

OPEN_AT_FIRST = 2  # maximum number of groups of studies whose details are unfolded at first
NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class Page:
    """The text of the page, and its drawings."""

    html: str
    drawings: tuple[Drawing, ...]


def make_page(campaigns: Sequence[CampaignRecord], now: datetime.datetime) -> Page:
    """The page on what campaigns found.

    Args:
        campaigns: to be reported on together.
        now: time of writing.
    """
    studies = [study for campaign in campaigns for study in campaign.studies]
    results = [study for campaign in campaigns for study in campaign.results]
    found = changes(results)
    against = reference_changes(results, [found for campaign in campaigns for found in campaign.references])
    overview = views.overview(studies, found)
    groups = views.groups(studies, found)
    labels = label_views(campaigns)
    drawings = [*overview.values(), *(view.drawing for view in labels)]
    drawings += [drawing for group in groups for view in group.views for drawing in view.drawings]
    template = _environment().get_template("page.html")
    html = template.render(
        title=" and ".join(c.name for c in campaigns) if len(campaigns) < 4 else f"{len(campaigns)} campaigns",
        campaigns=campaigns,
        studies=studies,
        searched=[study for study in studies if not study.is_derived],
        several=len(campaigns) > 1,
        verdict=verdict_words(verdict(results, found, against)),
        rows=views.rows(campaigns, found, against),
        labels=labels,
        averages=averages(results, found),
        rankings=views.rankings(best_transfer(found)),
        overview=overview,
        groups=groups,
        unfolded=len(groups) <= OPEN_AT_FIRST,
        failures=views.causes((t.reason, s.name) for s in studies for t in s.trials if t.state == "failed"),
        findings=views.causes((text, s.name) for s in studies for t in s.trials for text in t.findings.values()),
        fewest=FEWEST,
        baseline=BASELINE,
        reference=REFERENCES[STRONGEST],
        not_recorded=NOT_RECORDED,
        now=now,
        versions=_versions(campaigns),
        style=Markup(_style()),
        script=Markup(_text("page.js")),
    )
    return Page(html, tuple(drawings))


def _environment() -> Environment:
    """Of the template: what it may call."""
    loader = PackageLoader("tracking.report", ".")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters |= {"per_cent": per_cent, "moment": _moment, "interval": _ends, "svg": _svg, "setting": _setting}
    return made


def _versions(campaigns: Sequence[CampaignRecord]) -> dict[str, str]:
    """Versions of the packages that searched, where recorded, and of those that wrote the page."""
    found = {name: version for campaign in campaigns for name, version in campaign.versions.items()}
    return found | {f"{name} (this page)": metadata.version(name) for name in ("gear-search", "mlflow")}


def _setting(recorded: str) -> str:
    """A setting as it is shown: of a tuple, which MLflow keeps as Python writes it, its words."""
    if recorded[:1] + recorded[-1:] != "()":
        return recorded
    return ", ".join(re.findall(r"'([^']*)'", recorded)) or "none"


def _moment(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _ends(found: Interval | None, scale: str = "{:.4g}") -> str:
    return "" if found is None else f"{scale.format(found.low)} to {scale.format(found.high)}"


def _svg(drawing: Drawing) -> Markup:
    return Markup(to_svg(drawing, inline=True))


def _style() -> str:
    light, dark = ("".join(f"--{name}:{pair[k]};" for name, pair in COLOURS.items()) for k in (0, 1))
    return (
        f":root{{{light}color-scheme:light}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}color-scheme:dark}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark}}}}\n{_text('page.css')}"
    )


def _text(name: str) -> str:
    return resources.files("tracking.report").joinpath(name).read_text("utf-8")
