"""The page of the results: a text with places for tables and figures, filled in from the Parquet tables only.

The text is committed, and what is read from the figures is written there. A line `{{NAME}}` of it stands for the table
or figure of that name in `BLOCKS`.
"""

import dataclasses
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gear.errors import InputDataError
from tracking.report.drawing import Drawing, to_svg

from . import figures, tables
from .rows import CampaignFacts, CellChange, Effect, Expectation, LabelSaving, Loss, Row

RECORDS = {
    "errors": Row,
    "changes": CellChange,
    "savings": LabelSaving,
    "expectations": Expectation,
    "effects": Effect,
    "losses": Loss,
    "campaigns": CampaignFacts,
}
DATA, PAGE, ERRORS, TEXT = "results", "results.md", "errors.md", "page.md.in"
NOT_RUN = "Not run yet."
MAIN = "benchmark"
FIGURES = ("figure", "figures")  # end the names of blocks that only draw
PLACE = re.compile(r"^\{\{(\w+)\}\}$", re.MULTILINE)
ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}

Tables = Mapping[str, Sequence[Any]]
Block = Callable[[Tables], Iterator[str | Drawing]]


def write_tables(found: Tables, folder: Path) -> None:
    """Write each table of a campaign that has rows as a Parquet file; the same rows give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, record in RECORDS.items():
        path = folder / f"{name}.parquet"
        path.unlink(missing_ok=True)
        if not found[name]:
            continue
        fields = typing.get_type_hints(record)
        schema = pa.schema([(field.name, _arrow(fields[field.name])) for field in dataclasses.fields(record)])
        rows = [dataclasses.asdict(row) for row in found[name]]
        pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="zstd")


def read_tables(folder: Path) -> dict[str, list[Any]]:
    """The tables of all campaigns together; `write_tables` wrote those of each into a folder of its name.

    Raises:
        InputDataError: one has other columns, or two campaigns have tested the same study.
    """
    found: dict[str, list[Any]] = {name: [] for name in RECORDS}
    for path in sorted(folder.glob("*/*.parquet")):
        try:
            found[path.stem] += [RECORDS[path.stem](**row) for row in pq.read_table(path).to_pylist()]
        except (OSError, pa.ArrowInvalid, TypeError, KeyError) as error:
            raise InputDataError(f"{path} is no table of results ({error}): make it from campaign folders") from error
    _refuse_repetitions(found["errors"], folder)
    return found


def _refuse_repetitions(rows: Sequence[Row], folder: Path) -> None:
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        key = (row.experiment, row.pair, *row.group, row.split_seed, row.method)
        if key in seen:
            where = f"{row.pair} {row.split}, {row.labels or 'all'} labels, split seed {row.split_seed}"
            raise InputDataError(
                f"{row.method} on {where} is in two campaigns of {row.experiment} in {folder}: remove the folder of one"
            )
        seen.add(key)


def render(found: Tables, text: str, errors: str = f"{DATA}/{ERRORS}") -> dict[str, str]:
    """The files of the page, by their path beside it: the page, the errors of all pairs, and the figures.

    Args:
        found: the tables.
        text: of the page.
        errors: the path of the page with the errors of all pairs.

    Raises:
        InputDataError: the text names a table or figure that does not exist.
    """
    files: dict[str, str] = {}

    def filled(place: re.Match[str]) -> str:
        if place[1] not in BLOCKS:
            raise InputDataError(f"the text asks for {place[0]}; known: {', '.join(BLOCKS)}")
        lines = []
        for part in BLOCKS[place[1]](found):
            if isinstance(part, Drawing):
                path = f"{DATA}/{part.name}.svg"
                files[path] = to_svg(part)
                lines += [f"![{part.title}]({path})", ""]
            else:
                lines.append(part)
        return "\n".join(lines).strip() or ("" if place[1].endswith(FIGURES) else NOT_RUN)

    page = re.sub(r"\n{3,}", "\n\n", PLACE.sub(filled, text))
    heading = (
        "# Errors of all pairs and methods\n\nMade by `benchmarks/make_results.py`, like [the results](../results.md)."
    )
    mine = [row for row in found["errors"] if row.experiment == MAIN]
    changes = [change for change in found["changes"] if change.experiment == MAIN]
    table = "\n".join([*tables.errors_tables(mine), *tables.changes_tables(changes, mine)]).strip()
    return {PAGE: page, errors: f"{heading} {EXPLAINED}\n\n{table or NOT_RUN}\n", **files}


EXPLAINED = (
    "In standard deviations of the target's training part; lowest in bold. Of several split seeds the mean ± their "
    "standard deviation, of one the 95 % interval of a bootstrap over the test molecules. Changes have the 95 % "
    "interval of a paired bootstrap, one for each split seed."
)


def _arrow(kind: Any) -> pa.DataType:
    return ARROW.get(kind, pa.string())  # a literal is text


def _of(name: str, experiment: str, made: Callable[[Sequence[Any]], Iterator[str | Drawing]]) -> Block:
    """A block that is made of one table's rows of an experiment; empty where there are none."""

    def block(found: Tables) -> Iterator[str | Drawing]:
        rows = [row for row in found[name] if row.experiment == experiment]
        if rows:
            yield from made(rows)

    return block


def _wins(found: Tables) -> Iterator[str]:
    changes, rows = ([row for row in found[name] if row.experiment == MAIN] for name in ("changes", "errors"))
    if changes:
        yield from tables.wins_table(changes, rows)


def _expectations(found: Tables) -> Iterator[str]:
    if found["expectations"]:
        yield from tables.expectations_table(found["expectations"], found["changes"])


def _campaigns(found: Tables) -> Iterator[str]:
    yield from tables.campaigns_table(found["campaigns"])
    for versions in dict.fromkeys(one.versions for one in found["campaigns"] if one.versions):
        yield from ("", f"With {versions}.")


def _of_each_split(figure: Callable[[Sequence[Any], str], Drawing | None], rows: Sequence[Any]) -> Iterator[Drawing]:
    for split in dict.fromkeys(row.split for row in rows):
        drawing = figure(rows, split)
        if drawing is not None:
            yield drawing


def _ratios_figure(rows: Sequence[Row]) -> Iterator[Drawing]:
    drawing = figures.ratios_figure(rows)
    if drawing is not None:
        yield drawing


def _loss_figures(losses: Sequence[Loss]) -> Iterator[Drawing]:
    titles = {
        "validation_rmse": "Validation RMSE, first trial of every variant",
        "train/map": "Mapping loss in training",
        "train/curv": "Curvature loss in training",
    }
    for term, title in titles.items():
        drawing = figures.losses_figure(losses, term, title)
        if drawing is not None:
            yield drawing


def _against_lead(rows: Sequence[Row]) -> Iterator[str]:
    yield from tables.methods_table(rows, tables.LEAD)


def _sensitivity(found: Tables) -> Iterator[str]:
    effects = [effect for effect in found["effects"] if effect.method == tables.LEAD]
    if effects:
        trials = sum(effect.trials for effect in effects if effect.setting == effects[0].setting)
        yield f"{trials} random trials of `{tables.LEAD}` in {effects[0].studies} studies."
        yield ""
        yield from tables.sensitivity_table(effects)


BLOCKS: dict[str, Block] = {
    "campaigns": _campaigns,
    "headline": _of("errors", MAIN, tables.headline),
    "methods": _of("errors", MAIN, tables.methods_table),
    "ratios_figure": _of("errors", MAIN, _ratios_figure),
    "wins": _wins,
    "pairs_figures": _of("changes", MAIN, partial(_of_each_split, figures.pairs_figure)),
    "expectations": _expectations,
    "labels_figures": _of("errors", MAIN, partial(_of_each_split, figures.labels_figure)),
    "savings": _of("savings", MAIN, tables.savings_table),
    "blend": _of("errors", MAIN, tables.blend_table),
    "cost": _of("errors", MAIN, tables.cost_table),
    "sensitivity": _sensitivity,
    "ablation": _of("errors", "ablation", _against_lead),
    "ablation_figures": _of("losses", "ablation", _loss_figures),
    "sanity": _of("errors", "sanity", tables.methods_table),
    "noise": _of("errors", "noise", tables.methods_table),
    "extrapolation": _of("errors", "extrapolation", tables.methods_table),
}
