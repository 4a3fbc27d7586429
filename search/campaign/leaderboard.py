"""The leaderboard of a campaign: the winner of each study and what it reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.campaign.campaign import Campaign
from search.campaign.selection import score, winner
from search.campaign.study import Study
from search.plan.settings import SearchSettings

__all__ = ["Standing", "standings", "units"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of the leaderboard. RMSEs are standardised by the target's training part, except `test_rmse_units`.

    `split_hash` and `data_hash` identify the test part: only numbers with equal hashes are comparable.
    `test_r2` and `test_molecules` are missing where an earlier version tested.
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

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data."""
        return self.split_hash, self.data_hash


def standings(campaign: Campaign) -> list[Standing]:
    """The leaderboard, in the order of the plan."""
    return [_standing(study, campaign.plan.search) for study in campaign.studies.values()]


def units(head: Mapping[str, Any]) -> dict[str, str]:
    """The unit of every pair's target, from campaign.json."""
    return {name.partition(".")[0]: facts["unit"] for name, facts in head["data"].items()}


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
        test_rmse=None if tested is None else tested.scores["rmse"],
        test_rmse_units=None if tested is None else tested.scores["rmse_units"],
        test_r2=None if tested is None else tested.scores.get("r2"),
        test_molecules=None if tested is None else tested.scores.get("n"),
        test_evaluations=len(study.finished),
        split_hash="" if tested is None else tested.split_hash,
        data_hash="" if tested is None else tested.data_hash,
    )
