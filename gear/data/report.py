"""The output of `python -m gear.data` about properties, pairs, splits and files, as lines of text."""

from collections import Counter
from itertools import pairwise

import numpy as np

from gear.config import TaskSpec
from gear.data.builtin.properties import PROPERTIES, Property
from gear.data.builtin.tables import WITHOUT, cleaning_steps, load_property
from gear.data.pair_names import CONTROL_PAIRS, PAIRS
from gear.data.pairs import PairData
from gear.data.task import PARTS, TaskTable
from gear.data.user_files.task_file import few_values
from gear.label_scaler import vary

__all__ = ["counts_tables", "file_lines", "histogram", "list_lines", "property_lines", "seen_by_models", "split_lines"]

BINS, BAR = 20, 50  # of the histogram
DISAGREEMENTS = 10


def list_lines() -> list[str]:
    """All properties and pairs."""
    sizes = {code: len(load_property(code)) for code in PROPERTIES}
    lines = [f"{'code':5} {'molecules':>9}  {'unit':9} {'models see':11} property"]
    for code, spec in PROPERTIES.items():
        seen = "logarithm" if spec.log10 else "value"
        spare = "   (in no built-in pair)" if spec.spare else ""
        lines.append(f"{code:5} {sizes[code]:9,}  {spec.unit:9} {seen:11} {spec.name}{spare}")
    lines += ["", f"{'pair':12} {'target':>7} {'source':>7} {'shared':>7} {'r':>6}   of the shared molecules"]
    for pair in (*PAIRS, *CONTROL_PAIRS):
        target, source = pair.split("_from_")
        note = "   (control)" if pair in CONTROL_PAIRS else ""
        shared, r = _overlap(target, source)
        lines.append(f"{pair:12} {sizes[target]:7,} {sizes[source]:7,} {shared:7,} {r:6.2f}{note}")
    return [*lines, "", "any two codes make a pair: TARGET_from_SOURCE"]


def property_lines(code: str) -> list[str]:
    """A property: how it was cleaned, its histogram, the largest disagreements of its databases."""
    table, spec = load_property(code), PROPERTIES[code]
    columns = table.to_pydict()
    scale = "log10 of " if spec.log10 else ""
    lines = [f"{code}: {spec.name}, {len(table):,} molecules", "", "left after each step of cleaning"]
    lines += [f"{step.left:10,}  {step.name}" for step in cleaning_steps(code)]
    lines += ["", f"values ({scale}{spec.unit})", *histogram(seen_by_models(code))]
    lines += ["", f"largest disagreements of the databases ({spec.unit})"]
    for row in np.argsort(columns["spread"])[::-1][:DISAGREEMENTS]:
        value, spread, names = columns["value"][row], columns["spread"][row], columns["sources"][row]
        lines.append(f"{value:10.4g}  spread {spread:10.4g}  {columns['smiles'][row]}  ({names})")
    return lines


def file_lines(name: str, table: TaskTable, task: TaskSpec) -> list[str]:
    """A user's file: the counts of cleaning, its feature columns, its histogram."""
    value = table.value if table.points is None else table.points.value
    seen = np.log10(value) if task.log10 else value
    counted = [
        f"{fact:>10}  {what}" if isinstance(fact, str) else f"{fact:10,.6g}  {what}"
        for what, fact in table.facts.items()
    ]
    lines = [name, *counted, *_feature_lines(table, task)]
    lines += ["", warning] if (warning := few_values(table.value)) else []
    return [*lines, "", f"values{' (log10)' if task.log10 else ''}", *histogram(seen)]


def _feature_lines(table: TaskTable, task: TaskSpec) -> list[str]:
    """The range of each feature column, and how many values it has."""
    if table.points is None:
        return []
    columns = zip(task.features, table.points.columns.T, strict=True)
    ranges = [f"{c.min():10.6g} to {c.max():10.6g} {len(np.unique(c)):6,} values  {name}" for name, c in columns]
    return ["", "columns that models read beside the molecule", *ranges]


def split_lines(pair: PairData) -> list[str]:
    """The sizes and hashes of a split."""
    lines = [f"{pair.id} {pair.split}, seed {pair.seed}: split {pair.split_hash}, data {pair.data_hash}"]
    for role, task in (("target", pair.target), *(("source", source) for source in pair.sources)):
        sizes = ", ".join(f"{name} {len(part.value):,}" for name, part in zip(PARTS, task.parts(), strict=True))
        lines.append(f"{role} {task.property}: {sizes}")
    return lines


def histogram(values: np.ndarray) -> list[str]:
    """One line for each bin: its limits, its count and a bar."""
    half = 0.0 if vary(values) else abs(values[0]) / 2 or 0.5
    counts, edges = np.histogram(values, bins=BINS, range=(values.min() - half, values.max() + half))
    scale = BAR / counts.max()
    return [
        f"{low:10.4g} to {high:10.4g} {count:6,} {'#' * round(count * scale)}".rstrip()
        for count, low, high in zip(counts, edges, edges[1:], strict=False)
    ]


def counts_tables() -> list[str]:
    """What cleaning did to every property, as three Markdown tables for the documentation."""
    return [*_counts_table(), "", *_contradictions_table(), "", *_sources_table()]


def _counts_table() -> list[str]:
    """How many molecules each step left of every property."""
    lines = [
        "| code | property | unit | with a value | in range | databases agree | organic | molecules | **kept** |",
        "|--|--|--|--|--|--|--|--|--|",
    ]
    for code, spec in PROPERTIES.items():
        left = [step.left for step in cleaning_steps(code)]
        cells = " | ".join(f"{count:,}" for count in left[:5])
        lines.append(f"| {code} | {_described(spec)} | {spec.unit} | {cells} | **{len(load_property(code)):,}** |")
    return lines


def _contradictions_table() -> list[str]:
    """What each rule of `gear.data.builtin.consistency` dropped, and from which property."""
    dropped: dict[str, list[str]] = {}
    for code in PROPERTIES:
        steps = cleaning_steps(code)
        for before, step in pairwise(steps):
            if step.name.startswith(WITHOUT):
                dropped.setdefault(step.name.removeprefix(WITHOUT), []).append(f"{code} {before.left - step.left:,}")
    lines = ["| contradiction | molecules dropped |", "|--|--|"]
    return lines + [f"| {rule} | {', '.join(counts)} |" for rule, counts in sorted(dropped.items())]


def _sources_table() -> list[str]:
    """The rules of the vote, and how many kept molecules each database voted for."""
    lines = [
        "| code | range | two agree within | not trusted without confirmation | databases, and molecules |",
        "|--|--|--|--|--|",
    ]
    for code, spec in PROPERTIES.items():
        votes = Counter(", ".join(load_property(code).to_pydict()["sources"]).split(", "))
        voters = ", ".join(f"{name} {count:,}" for name, count in votes.most_common())
        within = f"{100 * spec.tolerance:g} %" if spec.relative else f"{spec.tolerance:g}"
        weak = ", ".join((*spec.weak, *(["all with estimates"] if spec.experimental_only else [])))
        lines.append(f"| {code} | {spec.minimum:g} to {spec.maximum:g} | {within} | {weak} | {voters} |")
    return lines


def seen_by_models(code: str) -> np.ndarray:
    """A property's values as models see them: the logarithm if the property is learned as one."""
    values = load_property(code)["value"].to_numpy()
    return np.log10(values) if PROPERTIES[code].log10 else values


def _described(spec: Property) -> str:
    return spec.name + (", log10" if spec.log10 else "") + (" (spare)" if spec.spare else "")


def _overlap(one: str, other: str) -> tuple[int, float]:
    """How many molecules have both properties, and the correlation of the two there, as models see the values."""
    a, b = (load_property(code)["smiles"].to_numpy() for code in (one, other))
    _, rows, other_rows = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return len(rows), float(np.corrcoef(seen_by_models(one)[rows], seen_by_models(other)[other_rows])[0, 1])
