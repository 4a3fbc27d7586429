"""The winners of a campaign, and what they say of each other."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gear.data.splits.split_name import parse_split
from gear.evaluation.diagnostics import compare_splits
from search.campaign.leaderboard import Standing

__all__ = ["print_leaderboard"]

HASH_SHOWN = 8  # digits of a split's hash


def print_leaderboard(console: Console, standings: Sequence[Standing], units: dict[str, str]) -> None:
    """The winners, and what they say of each other where they were tested on the same molecules and values.

    Args:
        console: to print to.
        standings: a line each.
        units: by pair.
    """
    table = Table(title="winners, chosen on validation; RMSE in standard deviations of the training part")
    for column in ("study", "complete/pruned/failed", "validation RMSE", "test RMSE", "in units", "times tested"):
        table.add_column(column, justify="left" if column == "study" else "right")
    table.add_column("split")
    for row in standings:
        in_units = f"{row.test_rmse_units:.4g} {units[row.pair]}" if row.test_rmse_units is not None else ""
        table.add_row(
            row.study,
            f"{row.complete}/{row.pruned}/{row.failed}",
            _rmse(row.validation_rmse),
            _rmse(row.test_rmse),
            in_units,
            str(row.test_evaluations),
            row.split_hash[:HASH_SHOWN],
        )
    console.print(table)
    tested = [row for row in standings if row.split_hash]
    for line in (*_against_single_task(tested), *_against_random(tested)):
        console.print(line, soft_wrap=True)


def _against_single_task(standings: Sequence[Standing]) -> list[str]:
    """Did transfer help? Every method's test RMSE against single-task learning's on the same split of the same data."""
    alone = {(row.split_hash, row.data_hash): row.test_rmse for row in standings if row.method == "stl"}
    lines = []
    for row in standings:
        base = alone.get((row.split_hash, row.data_hash))
        if row.method != "stl" and base is not None and row.test_rmse is not None:
            change = 100 * (row.test_rmse / base - 1)
            verdict = "lower" if change < 0 else "higher"
            lines.append(
                f"{row.pair} {row.split}: test RMSE of {row.method} is {abs(change):.1f} % {verdict} than of stl"
            )
    return lines


def _against_random(standings: Sequence[Standing]) -> list[str]:
    """Where a method fails on new scaffolds far more than on a random split of the same data."""
    on = {(row.data_hash, row.method, row.split): row.test_rmse for row in standings}
    lines = []
    for row in standings:
        base = on.get((row.data_hash, row.method, row.split.replace("scaffold", "random", 1)))
        if parse_split(row.split).base == "scaffold" and base and row.test_rmse is not None:
            finding = compare_splits(base, row.test_rmse)
            lines += [f"{row.study}: {finding.message}"] if finding is not None else []
    return lines


def _rmse(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
