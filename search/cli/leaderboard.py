"""The winners of a campaign in a table, with what can be compared among them."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from gear.data.splits.split_name import parse_split
from gear.evaluation.comparison import champions, reference_words
from gear.evaluation.diagnostics import compare_splits
from search.campaign.leaderboard import Standing
from search.cli.label_table import print_label_curves
from search.results.references import Reference
from search.results.winners import Leaderboard

__all__ = ["print_leaderboard"]

HASH_SHOWN = 8  # digits of a split's hash
COLUMNS = (
    "study",
    "complete/pruned/failed",
    "validation RMSE",
    "test RMSE",
    "in units",
    "test R²",
    "n",
    "tested",
)


def print_leaderboard(console: Console, board: Leaderboard) -> None:
    """Print the winners, then comparisons of those that were tested on the same molecules, and what looks wrong."""
    of_joined = ", of results over folds of all labels" if any(row.folds for row in board.standings) else ""
    title = f"winners, chosen on validation; RMSE in standard deviations of the training part{of_joined}"
    table = Table(title=title)
    for column in COLUMNS:
        if column == "study":  # on a narrow terminal it goes on in the next line, since its end is the method
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right")
    table.add_column("split")
    for row in board.standings:
        table.add_row(*_row(row, board.units), row.split_hash[:HASH_SHOWN])
    for number, reference in enumerate(board.references):
        if not number:
            table.add_section()
        table.add_row(*_reference_row(reference, board.units), reference.split_hash[:HASH_SHOWN], style="dim")
    console.print(table)
    compared = (
        *board.notes,
        *_against_single_task(board),
        *_against_references(board),
        *_against_random(board.standings),
    )
    for line in (*compared, *_findings(board)):
        console.print(line, soft_wrap=True)
    print_label_curves(console, board.curves, board.units)


def _row(row: Standing, units: Mapping[str, str]) -> list[str]:
    in_units = "" if row.test_rmse_units is None else f"{row.test_rmse_units:.4g} {units[row.pair]}"
    return [
        row.study,
        _models(row),
        _number(row.validation_rmse, ".4f"),
        _number(row.test_rmse, ".4f"),
        in_units,
        _number(row.test_r2, ".3f"),
        _number(row.test_molecules, "d"),
        str(row.test_evaluations),
    ]


def _models(row: Standing) -> str:
    """What a line is made of: the trials of a study by how they ended, or the number of parts that are joined."""
    if row.folds:
        return f"{row.folds} folds"
    return f"{row.members} trials" if row.members else f"{row.complete}/{row.pruned}/{row.failed}"


def _reference_row(reference: Reference, units: Mapping[str, str]) -> list[str]:
    found = reference.scores
    title = f"{reference.pair}.{reference.split}: {reference.title}"
    in_units = f"{found['rmse_units']:.4g} {units[reference.pair]}"
    return [title, "", "", f"{found['rmse']:.4f}", in_units, f"{found['r2']:.3f}", str(found["n"]), ""]


def _against_references(board: Leaderboard) -> list[str]:
    """Whether the champion of each pair and split beats what takes a minute, and said where it does not."""
    best = [row for row in champions(board.standings).values() if row.study in board.reference_changes]
    changes = [(row, board.reference_changes[row.study]) for row in best]
    return [f"{row.pair} {row.split}: {reference_words(change, row.method)}" for row, change in changes]


def _against_single_task(board: Leaderboard) -> list[str]:
    """Whether transfer helped: every method's test RMSE against single-task learning's."""
    rows = [(row, board.changes[row.study]) for row in board.standings if row.study in board.changes]
    return [f"{row.pair} {row.split}: {change.words(row.method)}" for row, change in rows]


def _findings(board: Leaderboard) -> list[str]:
    return [f"{study}: {finding.message}" for study, found in board.findings.items() for finding in found]


def _against_random(standings: Sequence[Standing]) -> list[str]:
    """Where a method fails on new scaffolds far more than on a random split of the same data."""
    tested = [row for row in standings if row.split_hash]
    on = {(row.data_hash, row.method, row.split): row.test_rmse for row in tested}
    lines = []
    for row in tested:
        base = on.get((row.data_hash, row.method, row.split.replace("scaffold", "random", 1)))
        if parse_split(row.split).base == "scaffold" and base and row.test_rmse is not None:
            finding = compare_splits(base, row.test_rmse)
            lines += [f"{row.study}: {finding.message}"] if finding is not None else []
    return lines


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
