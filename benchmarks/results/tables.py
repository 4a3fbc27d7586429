"""Rows of the results -> the tables of the page, as lines of Markdown."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from gear.evaluation.comparison import BASELINE, REFERENCES, STRONGEST
from gear.evaluation.learning_curve import CLASSICAL
from gear.methods import METHODS
from gear.variants import method_of

from .ratios import Ratio, holm, ratio
from .rows import CampaignFacts, CellChange, Effect, Expectation, LabelSaving, Row, with_champions

CHAMPION = "champion"
LEAD = "gear"
SVR = REFERENCES[STRONGEST]
SIGNIFICANT = 0.05
Groups = Mapping[str, Sequence[Row]]


def rmse(row: Row) -> float:
    return row.rmse


def mae(row: Row) -> float:
    return row.mae


def is_transfer(method: str) -> bool:
    """Whether a built-in method, or a variant of one, learns from sources."""
    spec = METHODS.get(method_of(method).method)
    return spec is not None and spec.uses_sources


def title_of(split: str, labels: int) -> str:
    """A kind of split and number of labels, in words."""
    return f"{split}, {labels or 'all'} labels"


def name_of(method: str) -> str:
    """A method, variant, blend or reference in a table."""
    if method == REFERENCES["mean"]:
        return "mean of the labels"
    return f"`{method}`" if method_of(method).method in METHODS else method


class Grouped(Protocol):
    """What has a kind of split and a number of labels."""

    @property
    def group(self) -> tuple[str, int]: ...


G = TypeVar("G", bound=Grouped)


def groups_of(rows: Iterable[G], *, pooled: bool = False) -> dict[str, list[G]]:
    """The rows by kind of split and number of labels; `pooled` adds all limited numbers of a split together."""
    found: dict[tuple[str, int], list[G]] = defaultdict(list)
    for row in rows:
        found[row.group].append(row)
    order = sorted(found, key=lambda group: (group[0], group[1] or math.inf))
    named = {title_of(*group): found[group] for group in order}
    if pooled:
        for split in dict.fromkeys(split for split, _ in order):
            limited = [labels for of, labels in order if of == split and labels]
            if len(limited) > 1:
                together = f"{split}, {' and '.join(map(str, limited))} labels together"
                named[together] = [row for labels in limited for row in found[split, labels]]
    return named


def best_of(rows: Sequence[Row], names: Iterable[str], peer: str = BASELINE) -> str | None:
    """The method with the lowest mean of the test RMSE over the peer's. It is chosen by test errors, in its favour."""
    means = {name: found.mean for name in names if (found := ratio(rows, name, peer, rmse)) is not None}
    return min(means, key=lambda name: means[name], default=None)


def rivals(rows: Sequence[Row], lead: str = LEAD) -> dict[str, str]:
    """What the leading method is held against, by what that is."""
    methods = list(dict.fromkeys(row.method for row in rows if row.kind == "method"))
    found = {
        f"`{BASELINE}`": BASELINE if BASELINE in methods else None,
        "the best other transfer method": best_of(rows, [m for m in methods if is_transfer(m) and m != lead]),
        "the best classical method": best_of(rows, [m for m in methods if m in CLASSICAL]),
    }
    return {what: method for what, method in found.items() if method is not None and method != lead}


def grid(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> Iterator[str]:
    """A Markdown table."""
    yield "| " + " | ".join(heads) + " |"
    yield "|--" * len(heads) + "|"
    for line in lines:
        yield "| " + " | ".join(map(str, line)) + " |"


def counted(count: int, what: str) -> str:
    """A number of things."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def headline(rows: Sequence[Row], lead: str = LEAD) -> Iterator[str]:
    """The leading method against its three rivals, by kind of split and number of labels."""
    lines, p_values = [], []
    for title, group in groups_of(rows, pooled=True).items():
        for what, rival in rivals(group, lead).items():
            found = ratio(group, lead, rival, rmse)
            if found is not None:
                p_values.append(found.p_value)
                named = what if rival == BASELINE else f"{what}, `{rival}`"
                lines.append([title, named, found.change, f"{found.lower} of {found.cells}", found.pairs])
    adjusted = holm(p_values)
    heads = [
        "split, labels of the target",
        f"`{lead}` against",
        "change of the test RMSE",
        "lower in",
        "pairs",
        "p",
        "p, Holm",
    ]
    yield from grid(heads, ([*line, _p(p), _p(q)] for line, p, q in zip(lines, p_values, adjusted, strict=True)))


def methods_table(rows: Sequence[Row], peer: str = BASELINE) -> Iterator[str]:
    """Every method, blend and reference over the peer: a table for each kind of split and number of labels."""
    groups = groups_of(rows)
    found: list[tuple[str, str, Ratio, Ratio, str]] = []
    for title, group in groups.items():
        for method in dict.fromkeys(row.method for row in group):
            of_rmse, of_mae = (ratio(group, method, peer, error) for error in (rmse, mae))
            if method != peer and of_rmse is not None and of_mae is not None:
                spent = [row.seconds for row in group if row.method == method and row.seconds]
                found.append((title, method, of_rmse, of_mae, f"{statistics.median(spent):.0f}" if spent else ""))
    adjusted = holm([one.p_value for _, _, one, _, _ in found])
    for title, group in groups.items():
        pairs, seeds = {row.pair for row in group}, sorted({row.split_seed for row in group})
        yield f"**{title}**: {counted(len(pairs), 'pair')}, split seed {_listed(seeds)}"
        yield ""
        lines = [
            [name_of(m), r.change, a.change, f"{r.lower} of {r.cells}", _p(q), seconds]
            for (of, m, r, a, seconds), q in sorted(zip(found, adjusted, strict=True), key=lambda one: one[0][2].mean)
            if of == title
        ]
        yield from grid(["", f"RMSE against `{peer}`", "MAE", "RMSE lower in", "p, Holm", "seconds a study"], lines)
        yield ""


def wins_table(changes: Sequence[CellChange], rows: Sequence[Row], lead: str = LEAD) -> Iterator[str]:
    """Cells in which the leading method is better or worse, and in how many that is sure after Holm's correction."""
    lines = []
    chosen = {title: rivals(group, lead) for title, group in groups_of(rows).items()}
    others: dict[str, list[tuple[str, CellChange]]] = defaultdict(list)
    for change in changes:
        title = title_of(change.split, change.labels)
        named = {rival: what for what, rival in chosen.get(title, {}).items()} | {SVR: f"the {SVR}"}
        if change.method == lead and change.other in named:
            others[named[change.other]].append((title, change))
    for what, found in others.items():
        adjusted = holm([change.p_value for _, change in found])
        for title in dict.fromkeys(title for title, _ in found):
            of_group = [(c, q) for (of, c), q in zip(found, adjusted, strict=True) if of == title]
            sure = [c for c, q in of_group if q < SIGNIFICANT]
            counts = [
                f"{sum(c.value < 0 for c in some)} / {sum(c.value > 0 for c in some)}"
                for some in ([c for c, _ in of_group], [c for c, _ in of_group if c.p_value < SIGNIFICANT], sure)
            ]
            lines.append([what, title, len(of_group), *counts])
    heads = [f"`{lead}` against", "split, labels", "cells", "better / worse", "p < 0.05", "p < 0.05 after Holm"]
    yield from grid(heads, lines)


def changes_tables(changes: Sequence[CellChange], rows: Sequence[Row], lead: str = LEAD) -> Iterator[str]:
    """The leading method against its rivals on every pair, with intervals; split seeds one after the other."""
    for title, group in groups_of(rows).items():
        against = rivals(group, lead)
        mine = [one for one in changes if one.method == lead and title_of(one.split, one.labels) == title]
        if not mine:
            continue
        yield f"### {title}: `{lead}` against others"
        yield ""
        lines = []
        for pair in dict.fromkeys(one.pair for one in mine):
            found = {one.other: [] for one in mine} | {SVR: []}
            for one in mine:
                if one.pair == pair:
                    found[one.other].append(_change(one))
            lines.append([f"`{pair}`", *("; ".join(found.get(other, [])) for other in (*against.values(), SVR))])
        heads = [what if what == f"`{name}`" else f"{what}, `{name}`" for what, name in against.items()]
        yield from grid(["", *heads, SVR], lines)
        yield ""


def _change(one: CellChange) -> str:
    value, low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in (one.value, one.low, one.high))
    return f"{value} % ({low} to {high})" if math.isfinite(one.low) else f"{value} %"


def expectations_table(
    expectations: Sequence[Expectation], changes: Sequence[CellChange], lead: str = LEAD
) -> Iterator[str]:
    """What the probe of sources expected, and what the leading method then reached against single-task training."""
    reached = {
        (change.experiment, change.pair, change.split, change.labels, change.split_seed): change.value
        for change in changes
        if (change.method, change.other) == (lead, BASELINE)
    }
    lines = []
    for title, group in groups_of(expectations).items():
        cells = ((one, (one.experiment, one.pair, one.split, one.labels, one.split_seed)) for one in group)
        found = [(one, reached[cell]) for one, cell in cells if cell in reached]
        if not found:
            continue
        logs = [(math.log1p(one.change), math.log1p(value)) for one, value in found]
        varied = len(logs) > 2 and all(len(set(values)) > 1 for values in zip(*logs, strict=True))
        correlation = f"{statistics.correlation(*zip(*logs, strict=True)):.2f}".replace("-", "−") if varied else ""
        told = [_reached([value for one, value in found if one.gain is gain]) for gain in (True, False)]
        lines.append([title, len(found), *told, correlation])
    heads = ["split, labels", "cells", "a gain is expected", "none is expected", "correlation of the logarithms"]
    yield from grid(heads, lines)


def _reached(values: Sequence[float]) -> str:
    """How many changes are below zero, and their geometric mean."""
    if not values:
        return ""
    mean = math.expm1(statistics.mean(math.log1p(value) for value in values))
    return f"lower in {sum(value < 0 for value in values)} of {len(values)}, {100 * mean:+.1f} %".replace("-", "−")


def blend_table(rows: Sequence[Row]) -> Iterator[str]:
    """The blend against the winner that validation chooses, the best single method, and the references."""
    lines = []
    for title, group in groups_of(rows).items():
        if not any(row.kind == "blend" for row in group):
            continue
        several = with_champions(group, CHAMPION)
        methods = dict.fromkeys(row.method for row in group if row.kind == "method")
        single = best_of(group, methods)
        peers = {"the winner that validation chooses": CHAMPION, f"the best single method, `{single}`": single or ""}
        peers |= {f"the {name}" if name != REFERENCES["mean"] else name_of(name): name for name in REFERENCES.values()}
        for what, peer in peers.items():
            found = ratio(several, "blend", peer, rmse)
            if found is not None:
                lines.append([title, what, found.change, f"{found.lower} of {found.cells}", _p(found.p_value)])
    yield from grid(["split, labels", "blend against", "change of the test RMSE", "lower in", "p"], lines)


def savings_table(savings: Sequence[LabelSaving]) -> Iterator[str]:
    """What rivals need for the champions' errors: the median over pairs, by kind of split and number of labels."""
    groups: dict[tuple[str, int, str], list[LabelSaving]] = defaultdict(list)
    for saving in savings:
        groups[saving.split, saving.labels, saving.rival].append(saving)
    lines = []
    for (split, labels, rival), of_group in sorted(groups.items()):
        champions = statistics.multimode(saving.champion for saving in of_group)
        middle = statistics.median_low(saving.needed for saving in of_group)
        more = sum(saving.needed > labels for saving in of_group)
        needed = (
            "more than were measured" if middle == math.inf else f"{middle:.0f}" if middle else "fewer than measured"
        )
        lines.append(
            [split, labels, ", ".join(f"`{c}`" for c in champions), rival, needed, f"{more} of {len(of_group)}"]
        )
    heads = ["split", "labels", "champion of most pairs", "rival", "labels that the rival needs, median", "more in"]
    yield from grid(heads, lines)


def cost_table(rows: Sequence[Row]) -> Iterator[str]:
    """Processor hours of the trials of each method, and the median seconds of a study by number of labels."""
    labels = sorted({row.labels for row in rows}, key=lambda one: one or math.inf)
    lines = []
    for method in dict.fromkeys(row.method for row in rows if row.kind == "method"):
        mine = [row for row in rows if row.method == method]
        by_labels = [[row.seconds for row in mine if row.labels == one] for one in labels]
        middles = [f"{statistics.median(of):.0f}" if of else "" for of in by_labels]
        lines.append([f"`{method}`", len(mine), f"{sum(row.seconds for row in mine) / 3600:.2f}", *middles])
    of_labels = [f"seconds a study, {one or 'all'} labels" for one in labels]
    yield from grid(["", "studies", "core hours of trials", *of_labels], lines)


def sensitivity_table(effects: Sequence[Effect], method: str = LEAD) -> Iterator[str]:
    """The settings of a method by importance, with the effect of their levels."""
    mine = [effect for effect in effects if effect.method == method]
    settings = list(dict.fromkeys(effect.setting for effect in mine))
    weight = {effect.setting: effect.importance for effect in mine}
    settings.sort(key=lambda name: -weight[name] if math.isfinite(weight[name]) else 0.0)
    lines = []
    for setting in settings:
        levels = [_effect(effect) for effect in mine if effect.setting == setting]
        share = f"{weight[setting]:.3f}" if math.isfinite(weight[setting]) else ""
        lines.append([f"`{setting}`", share, "; ".join(levels)])
    yield from grid(["setting", "importance", "validation RMSE against the mean of the study's trials"], lines)


def _effect(effect: Effect) -> str:
    change = f"{100 * math.expm1(effect.change):+.1f}".replace("-", "−")
    error = f" ± {100 * effect.error:.1f}" if math.isfinite(effect.error) else ""
    return f"{effect.level}: {change}{error} %"


def campaigns_table(facts: Sequence[CampaignFacts]) -> Iterator[str]:
    """What was run."""
    heads = [
        "campaign",
        "experiment",
        "split seed",
        "pairs",
        "studies tested",
        "tested twice or more",
        "trials",
        "epochs",
        "folds",
        "finalists",
        "commit",
    ]
    lines = (
        [f"`{f.name}`", f.experiment, f.split_seed, f.pairs, f"{f.tested} of {f.studies}", f.tested_again, f.trials,
         f.epochs, f.folds, f.finalists or "none", f"`{f.commit[:12]}`" if f.commit else "not recorded"]
        for f in facts
    )  # fmt: skip
    yield from grid(heads, lines)


def errors_tables(rows: Sequence[Row]) -> Iterator[str]:
    """RMSE and MAE of every pair and method, a table for each kind of split and number of labels; lowest in bold."""
    for title, group in groups_of(rows).items():
        for name, error in (("RMSE", rmse), ("MAE", mae)):
            yield f"### {title}: {name}"
            yield ""
            yield from _errors_table(group, error, intervals=error is rmse)
            yield ""


def _errors_table(group: Sequence[Row], error: Callable[[Row], float], *, intervals: bool) -> Iterator[str]:
    methods = list(dict.fromkeys(row.method for row in group))
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in group:
        cells[row.pair, row.method].append(row)
    lines = []
    for pair in dict.fromkeys(row.pair for row in group):
        means = {m: statistics.mean(map(error, cells[pair, m])) for m in methods if cells[pair, m]}
        lowest = min(means, key=lambda name: means[name])
        shown = [_spread(cells[pair, m], error, intervals, m == lowest) for m in methods]
        lines.append([f"`{pair}`", *shown])
    yield from grid(["", *map(name_of, methods)], lines)


def _spread(rows: Sequence[Row], error: Callable[[Row], float], intervals: bool, lowest: bool) -> str:
    """The mean over split seeds ± their standard deviation; of a single one, the interval over its test molecules."""
    if not rows:
        return ""
    values = [error(row) for row in rows]
    mean = f"{statistics.mean(values):.3f}"
    mean = f"**{mean}**" if lowest else mean
    if len(values) > 1:
        return f"{mean} ± {statistics.stdev(values):.3f}"
    return f"{mean} ({rows[0].low:.3f} to {rows[0].high:.3f})" if intervals and math.isfinite(rows[0].low) else mean


def _p(value: float) -> str:
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
