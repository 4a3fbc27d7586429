"""The leaderboard of a campaign: the winner of each study and what it reached, and the blends beside them."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gear.data import expand_splits
from search.campaign.campaign import Campaign
from search.campaign.events import BlendFinished, StudyFinished
from search.campaign.selection import score, winner
from search.campaign.study import Study
from search.plan.campaign_plan import BLEND
from search.plan.settings import SearchSettings

__all__ = ["Standing", "data_facts", "row_of", "standings", "units"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of the leaderboard. RMSEs are standardised by the target's training part, except `test_rmse_units`.

    `split_hash` and `data_hash` identify the test part: only numbers with equal hashes are comparable.
    `test_r2` and `test_molecules` are missing where an earlier version tested. A blend has its name for `study`,
    `blend` for `method`, and `members` trials, none of its own. So has a result over the `folds` of a cross-validation,
    whose test RMSE is standardised by all labels.
    """

    study: str
    pair: str
    split: str
    method: str
    complete: int
    pruned: int
    failed: int
    validation_rmse: float | None = None
    test_rmse: float | None = None
    test_rmse_units: float | None = None
    test_r2: float | None = None
    test_molecules: int | None = None
    test_evaluations: int = 0
    split_hash: str = ""
    data_hash: str = ""
    members: int = 0
    folds: int = 0

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data."""
        return self.split_hash, self.data_hash


def standings(campaign: Campaign) -> list[Standing]:
    """The leaderboard, in the order of the plan; after the studies of a pair and split their blend, if there is one."""
    studies = [_standing(study, campaign.plan.search) for study in campaign.studies.values()]
    evaluations = campaign.blend_evaluations
    blends = {(b.pair, b.split): _blend_standing(b, evaluations[b.name]) for b in campaign.tested_blends}
    rows: list[Standing] = []
    for place, of_place in itertools.groupby(studies, key=lambda row: (row.pair, row.split)):
        rows += [*of_place, *([blends[place]] if place in blends else [])]
    return rows


def row_of(name: str, rows: Sequence[Standing]) -> Standing:
    """The line of a study, a blend or a joined result."""
    return next(row for row in rows if row.study == name)


def units(head: Mapping[str, Any]) -> dict[str, str]:
    """The unit of every pair's target, from campaign.json."""
    return {name.partition(".")[0]: facts["unit"] for name, facts in head["data"].items()}


def data_facts(data: Mapping[str, Mapping[str, str]], pair: str, split: str) -> Mapping[str, str]:
    """What the `data` of campaign.json say of a pair and split; of a cross-validation it is that of its first fold."""
    return data.get(f"{pair}.{split}") or data[f"{pair}.{expand_splits([split])[0]}"]


def _standing(study: Study, settings: SearchSettings) -> Standing:
    best, last = winner(study, settings), study.finished[-1] if study.finished else None
    tested = last if last is not None and best is not None and last.winner == best.number else None
    return Standing(
        study=study.name,
        pair=study.plan.pair.id,
        split=study.plan.split,
        method=study.plan.method_name,
        complete=study.count("complete"),
        pruned=study.count("pruned"),
        failed=study.count("failed"),
        validation_rmse=None if best is None else score(study, best),
        test_evaluations=study.evaluations,
        **({} if tested is None else _tested(tested)),
    )


def _blend_standing(blend: BlendFinished, evaluations: int) -> Standing:
    return Standing(
        study=blend.name,
        pair=blend.pair,
        split=blend.split,
        method=BLEND,
        complete=0,
        pruned=0,
        failed=0,
        validation_rmse=blend.validation_rmse,
        test_evaluations=evaluations,
        members=len(blend.members),
        **_tested(blend),
    )


def _tested(finished: StudyFinished | BlendFinished) -> dict[str, Any]:
    """What a test fills in of a line."""
    return {
        "test_rmse": finished.scores["rmse"],
        "test_rmse_units": finished.scores["rmse_units"],
        "test_r2": finished.scores.get("r2"),
        "test_molecules": finished.scores.get("n"),
        "split_hash": finished.split_hash,
        "data_hash": finished.data_hash,
    }
