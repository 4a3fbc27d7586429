"""Test errors of all methods of one or more campaigns, against one of them.

    python benchmarks/compare_methods.py CAMPAIGN_FOLDER ... [--peer stl]

A campaign is read as it stands; studies that have not ended are left out. Campaigns of the same pairs on other split
seeds are put together. For each kind of split and number of labels: the geometric mean over pairs of a method's test
RMSE (and MAE) over the peer's on the same test molecules with the standard error of its logarithm, in how many cells
it is lower, and the seconds of a study's trials. The split seeds of a pair share molecules, so a pair counts once, with
the mean of its seeds. The last line holds the first transfer method against the one with the lowest mean of the others.
The whole page of the results is made by `make_results.py`.
"""

import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from results.collect import read, rows_of
from results.ratios import ratio
from results.rows import Row
from results.tables import best_of, grid, groups_of, is_transfer, mae, rmse

from gear.command_line import Parser
from gear.errors import user_command


def table(rows: Sequence[Row], peer: str) -> Iterator[str]:
    """The lines for one kind of split and number of labels, as Markdown."""
    methods = list(dict.fromkeys(row.method for row in rows))
    lines = []
    for method in methods:
        seconds = statistics.median(row.seconds for row in rows if row.method == method)
        lines.append(
            [f"`{method}`", *(ratio(rows, method, peer, error) or "" for error in (rmse, mae)), f"{seconds:.0f}"]
        )
    yield from grid(["method", f"RMSE over `{peer}`", f"MAE over `{peer}`", "seconds a study"], lines)
    transfer = [method for method in methods if is_transfer(method)]
    if transfer and (other := best_of(rows, transfer[1:], peer)):
        yield ""
        yield f"`{transfer[0]}` over `{other}`, the best other transfer method: {ratio(rows, transfer[0], other, rmse)}"


@user_command
def main() -> int:
    """Print the tables."""
    parser = Parser(description=__doc__)
    parser.add_argument("campaigns", nargs="+", type=Path, metavar="CAMPAIGN_FOLDER")
    parser.add_argument("--peer", default="stl", help="the method that others are held against")
    args = parser.parse_args()
    rows = [row for folder in args.campaigns for row in rows_of(read(folder))]
    for title, group in groups_of(rows).items():
        pairs, seeds = {row.pair for row in group}, {row.split_seed for row in group}
        print(f"\n### {title}: {len(pairs)} pairs, split seeds {sorted(seeds)}\n")
        print(*table(group, args.peer), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
