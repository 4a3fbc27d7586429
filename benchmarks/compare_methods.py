"""Test errors of all methods of one or more campaigns, against one of them.

    python benchmarks/compare_methods.py CAMPAIGN_FOLDER ... [--peer stl] [--table FILE.parquet]

A campaign is read as it stands; studies that have not ended are left out. Campaigns of the same pairs on other split
seeds are put together. For each kind of split and number of labels: the geometric mean over pairs of a method's test
RMSE (and MAE) over the peer's on the same test molecules, in how many cells it is lower, and the seconds of a study's
trials. The split seeds of a pair share molecules, so a pair counts once, with the mean of its seeds, and the standard
error is that of the pairs. The last line holds the first transfer method against the one with the lowest mean of the
others.
"""

import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gear.command_line import Parser
from gear.data.splits.split_name import parse_split, without
from gear.errors import user_command
from gear.methods import METHODS
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import standings
from search.launch.campaign_result import load_campaign
from search.results.references import read_references


@dataclass(frozen=True, slots=True)
class Row:
    """What a study's winner, a blend or a reference reached on its test part. Errors are standardised."""

    pair: str
    split: str  # without the number of labels
    labels: int  # 0 for all
    split_seed: int
    method: str
    rmse: float
    mae: float
    molecules: int
    split_hash: str
    seconds: float = 0.0  # of all trials of the study, each on one core

    @property
    def cell(self) -> tuple[str, int, str]:
        """What its error is compared within: pair, split seed and test molecules."""
        return self.pair, self.split_seed, self.split_hash


@dataclass(frozen=True, slots=True)
class Ratio:
    """A method over its peer: geometric mean over pairs, standard error of its logarithm, cells that are lower."""

    mean: float
    error: float
    lower: int
    cells: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f} ({self.lower} of {self.cells})"


def rows_of(folder: Path) -> Iterator[Row]:
    """The tested winners, blends and references of a campaign."""
    result = load_campaign(folder.name, str(folder.parent))
    campaign = result.campaign
    scores = dict(_scores(campaign))
    for row in standings(campaign):
        if row.study in scores:
            yield _row(campaign, row.pair, row.split, row.method, scores[row.study], row.split_hash, row.study)
    for found in read_references(campaign, result.folder):
        yield _row(campaign, found.pair, found.split, found.title, found.numbers, found.split_hash)


def _scores(campaign: Campaign) -> Iterator[tuple[str, dict[str, float]]]:
    """Errors by study or blend, of those that were tested."""
    for study in campaign.studies.values():
        if study.finished:
            yield study.name, study.finished[-1].numbers
    for blend in campaign.tested_blends:
        yield blend.name, blend.numbers


def _row(
    campaign: Campaign, pair: str, split: str, method: str, scores: dict[str, float], split_hash: str, study: str = ""
) -> Row:
    trials = campaign.studies[study].trials if study in campaign.studies else ()
    return Row(
        pair,
        without(split, ["labels"]),
        parse_split(split).labels or 0,
        campaign.plan.search.split_seed,
        method,
        scores["test_rmse"],
        scores["test_mae"],
        int(scores["test_n"]),
        split_hash,
        sum(trial.seconds for trial in trials),
    )


def ratio(rows: Iterable[Row], method: str, peer: str, error: Callable[[Row], float]) -> Ratio | None:
    """A method's errors over its peer's, in the cells that have both; None where no cell has."""
    found = {(row.method, row.cell): error(row) for row in rows}
    logs = {
        cell: math.log(value / found[peer, cell])
        for (name, cell), value in found.items()
        if name == method and (peer, cell) in found
    }
    if not logs:
        return None
    by_pair = defaultdict(list)
    for (pair, *_), log in logs.items():
        by_pair[pair].append(log)
    means = [statistics.mean(of_pair) for of_pair in by_pair.values()]
    spread = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    return Ratio(math.exp(statistics.mean(means)), spread, sum(log < 0 for log in logs.values()), len(logs))


def rmse(row: Row) -> float:
    return row.rmse


def mae(row: Row) -> float:
    return row.mae


def table(rows: Sequence[Row], peer: str) -> Iterator[str]:
    """The lines for one kind of split and number of labels, as Markdown."""
    methods = list(dict.fromkeys(row.method for row in rows))
    yield f"| method | RMSE over `{peer}` | MAE over `{peer}` | seconds a study |"
    yield "|--|--|--|--|"
    for method in methods:
        seconds = statistics.median(row.seconds for row in rows if row.method == method)
        ratios = [ratio(rows, method, peer, error) for error in (rmse, mae)]
        yield f"| `{method}` | " + " | ".join(map(str, ratios)) + f" | {seconds:.0f} |"
    transfer = [m for m in methods if m in METHODS and METHODS[m].uses_sources]
    means = {m: found.mean for m in transfer[1:] if (found := ratio(rows, m, peer, rmse)) is not None}
    if transfer and means:
        other = min(means, key=lambda method: means[method])
        yield ""
        yield f"`{transfer[0]}` over `{other}`, the best other transfer method: {ratio(rows, transfer[0], other, rmse)}"


@user_command
def main() -> int:
    """Print the tables."""
    parser = Parser(description=__doc__)
    parser.add_argument("campaigns", nargs="+", type=Path, metavar="CAMPAIGN_FOLDER")
    parser.add_argument("--peer", default="stl", help="the method that others are held against")
    parser.add_argument("--table", type=Path, metavar="FILE.parquet", help="write the rows there")
    args = parser.parse_args()
    rows = [row for folder in args.campaigns for row in rows_of(folder)]
    if args.table:
        pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows]), args.table)
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.split, row.labels].append(row)
    for (split, labels), group in sorted(groups.items()):
        pairs, seeds = {row.pair for row in group}, {row.split_seed for row in group}
        print(f"\n### {split}, {labels or 'all'} labels: {len(pairs)} pairs, split seeds {sorted(seeds)}\n")
        print(*table(group, args.peer), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
