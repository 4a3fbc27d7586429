"""Whether the error that a search states is that of its exported model, for a small file of a user's own.

    python benchmarks/bench_cross_validation.py [--pairs hv_from_bp ct_from_bp] [--labels 60] [--draws 2] [--keep DIR]

Draws a few labels of a built-in property, as a user would have them in a file, and searches them under `random`, which
tests a tenth of the molecules, and under `random-cv`, which tests every molecule once. The champion of each predicts
all other labels of the property, which no search has seen: the truth. Printed for both are the stated test RMSE and its
ratio to single-task learning's, with their 95 % intervals and the truth; then, over all draws, how many intervals hold
the truth, how wide they are, and how far the stated RMSE is from the true one. The peer is `random`. A campaign that
the folder has already is not run again.
"""

import math
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from results.tables import grid

from gear.command_line import Parser
from gear.config import PairSpec, TaskSpec
from gear.data import parse_pair
from gear.data.builtin.properties import PROPERTIES
from gear.data.pairs import load_task
from gear.errors import user_command
from gear.evaluation.comparison import BASELINE
from gear.evaluation.uncertainty import Interval, interval, rmse
from search import CampaignResult, LaunchOptions, load_campaign, make_plan, run_campaign

SPLITS = ("random", "random-cv")
SETTINGS = {"epochs": 20, "trials": 3, "startup_trials": 3, "validation_folds": 3, "final": "blend"}


class Labels(NamedTuple):
    """Molecules (N,) and their values (N,) in the property's unit."""

    smiles: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Stated:
    """A number of a search with its 95 % interval, and the same number for all other molecules."""

    said: Interval
    true: float

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        return self.said.low <= self.true <= self.said.high

    @property
    def cells(self) -> list[str]:
        """The number, its interval and the truth."""
        return [f"{self.said.value:.3g}", f"{self.said.low:.3g} to {self.said.high:.3g}", f"{self.true:.3g}"]


@dataclass(frozen=True)
class Row:
    """A split of a draw: its champion's RMSE in the unit, and the ratio to single-task learning's.

    `ratio` is None where single-task learning is the champion.
    """

    draw: str
    split: str
    champion: str
    error: Stated
    ratio: Stated | None


def searched(pair: str, drawn: Labels, name: str, folder: Path, methods: Sequence[str]) -> CampaignResult:
    """A campaign on some labels of the pair's target, as in a file of a user's own."""
    if (folder / name / "cross_validations").exists():
        return load_campaign(name, str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    file, spec = folder.resolve() / f"{name}.parquet", parse_pair(pair)
    pq.write_table(pa.table({"smiles": list(drawn.smiles), "mine": drawn.value}), file)
    target = TaskSpec("mine", str(file), "mine", unit=PROPERTIES[spec.target.property].unit)
    plan = make_plan([PairSpec(target, spec.sources)], SPLITS, methods, name=name, **SETTINGS)
    return run_campaign(plan, LaunchOptions(str(folder), f"sqlite:///{folder}/mlflow.db"))


def rows_of(result: CampaignResult, draw: str, others: Labels) -> Iterator[Row]:
    """What a campaign states under each split, and what it is for all other molecules."""
    board, champions = result.leaderboard(), result.champions()
    (pair,) = {place[0] for place in champions}
    true = {}
    for split in SPLITS:
        champion, baseline = champions[pair, split], f"{pair}.{split}.{BASELINE}"
        for name in (champion, baseline):
            predicted = result.predictor(name).predict(list(others.smiles))
            true[name] = float(rmse(np.asarray(predicted) - others.value))
        tested = result.predictions(champion).query("part == 'test'")
        said = interval((tested["prediction"] - tested["value"]).to_numpy(), rmse)
        line, ratio = board.loc[champion], None
        if champion != baseline:
            ends = (1 + line[f"change{end}"] for end in ("", "_low", "_high"))
            ratio = Stated(Interval(*map(float, ends)), true[champion] / true[baseline])
        yield Row(draw, split, str(line["method"]), Stated(said, true[champion]), ratio)


def summary(rows: Sequence[Row], split: str) -> list[str]:
    """Of one split over all draws: intervals that hold the truth, how wide they are, how far off the RMSE is."""
    own = [row for row in rows if row.split == split]
    ratios = [row.ratio for row in own if row.ratio is not None]
    off = statistics.fmean(abs(math.log(row.error.said.value / row.error.true)) for row in own)

    def held(found: Sequence[Stated]) -> list[str]:
        wide = [math.log(one.said.high / one.said.low) for one in found if one.said.low > 0]
        width = f"{math.exp(statistics.median(wide)):.2f}" if wide else ""
        return [f"{sum(one.holds for one in found)} of {len(found)}", width]

    return [split, f"{100 * math.expm1(off):.0f} %", *held([row.error for row in own]), *held(ratios)]


def draws(pair: str, labels: int, number: int) -> tuple[Labels, Labels]:
    """A draw of labels of a pair's target, and all others."""
    table = load_task(parse_pair(pair).target)
    shuffled = np.random.default_rng(number).permutation(len(table.smiles))
    own, rest = shuffled[:labels], shuffled[labels:]
    return Labels(table.smiles[own], table.value[own]), Labels(table.smiles[rest], table.value[rest])


@user_command
def main() -> int:
    """Print the tables."""
    parser = Parser(description=__doc__)
    parser.add_argument("--pairs", nargs="+", default=["hv_from_bp", "ct_from_bp"], help="built-in pairs")
    parser.add_argument("--labels", type=int, default=60, help="labels of the target in the file")
    parser.add_argument("--draws", type=int, default=2, help="files drawn of each target")
    parser.add_argument("--methods", nargs="+", default=["gear", BASELINE, "svr"])
    parser.add_argument("--keep", type=Path, help="folder of the campaigns; by default a temporary one")
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
        for pair in args.pairs:
            for number in range(args.draws):
                drawn, others = draws(pair, args.labels, number)
                name = f"{pair}-n{args.labels}-{number}"
                result = searched(pair, drawn, name, args.keep or Path(scratch), args.methods)
                rows += rows_of(result, name, others)
    heads = ["file", "split", "champion", "RMSE", "95 % interval", "true", f"over {BASELINE}", "95 % interval", "true"]
    cells = (
        [row.draw, row.split, row.champion, *row.error.cells, *(row.ratio.cells if row.ratio else [])] for row in rows
    )
    print(*grid(heads, cells), "", sep="\n")
    heads = ["split", "RMSE off by", "intervals that hold the truth", "high over low", "of the ratio", "high over low"]
    print(*grid(heads, (summary(rows, split) for split in SPLITS)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
