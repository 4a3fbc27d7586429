"""The references of a campaign's pairs and splits: what a chemist has within a minute, on the same test molecules.

Each winner is held against them (`gear.evaluation.reference`), so that nobody takes home a model that nobody needed.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gear.config import PairSpec
from gear.data import load_pair
from gear.errors import GearError, StorageError
from gear.evaluation.comparison import Change, Judged, compare
from gear.evaluation.held_out import PartPredictions, read_predictions
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore
from search.storage.layout import predictions_file, references_file

__all__ = [
    "STRONGEST",
    "TITLES",
    "Reference",
    "judge_references",
    "read_references",
    "reference_changes",
    "tested_predictions",
]

TITLES = {"mean": "mean", "svr": "SVR"}  # in tables
STRONGEST = "svr"  # that winners are compared with


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference on a pair and split, with the errors of `gear.evaluation.evaluate.Scores` on its test part."""

    pair: str
    split: str
    name: str
    scores: Mapping[str, float]
    split_hash: str
    data_hash: str

    @property
    def judged_on(self) -> tuple[str, str]:
        """Hashes of split and data."""
        return self.split_hash, self.data_hash


def judge_references(campaign: Campaign, store: CampaignStore, say: Callable[[str], None]) -> None:
    """Test the references of each pair and split that has a tested winner and no references yet.

    One that cannot be had is said and left out, since no winner depends on it.
    """
    for study in campaign.studies.values():
        pair, split = study.plan.pair, study.plan.split
        place = store.folder / references_file(pair.id, split)
        if not study.finished or place.exists():
            continue
        try:
            _judge(campaign, store, pair, split)
        except GearError as error:
            say(f"{pair.id} {split}: no references: {error}")


def _judge(campaign: Campaign, store: CampaignStore, pair: PairSpec, split: str) -> None:
    from gear.evaluation.evaluate import scores  # torch, not before it is needed
    from gear.evaluation.held_out import predictions_table
    from gear.evaluation.reference import reference_predictions

    data = load_pair(pair, split, campaign.plan.search.split_seed)
    found = reference_predictions(data)
    for name, held_out in found.items():
        store.write_predictions(_predictions_name(pair.id, split, name), predictions_table(held_out))
    told = {name: dataclasses.asdict(scores(held_out)) for name, held_out in found.items()}
    hashes = {"split_hash": data.split_hash, "data_hash": data.data_hash}
    store.write_references(pair.id, split, {"scores": told, **hashes})


def read_references(campaign: Campaign, folder: StoragePath) -> list[Reference]:
    """The references that a campaign's folder holds, in the order of the plan.

    Raises:
        StorageError: a file of them is damaged.
    """
    return [
        reference
        for pair in campaign.plan.pairs
        for split in campaign.plan.splits
        for reference in _read(folder / references_file(pair.id, split), pair.id, split)
    ]


def _read(place: StoragePath, pair: str, split: str) -> Iterator[Reference]:
    if not place.exists():
        return
    try:
        data = json.loads(place.read_text())
        for name, found in data["scores"].items():
            yield Reference(pair, split, name, found, data["split_hash"], data["data_hash"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{place} holds no references ({error!r}): remove it to go on without them") from error


def reference_changes(rows: list[Standing], references: list[Reference], folder: StoragePath) -> dict[str, Change]:
    """The change of each tested study's RMSE against the strongest reference on the same test molecules, by study.

    Raises:
        StorageError: predictions cannot be read.
    """
    strongest = {reference.judged_on: reference for reference in references if reference.name == STRONGEST}
    found = {}
    for row in rows:
        reference = strongest.get(row.judged_on)
        if reference is not None and row.test_rmse is not None and reference.scores["rmse"]:
            name = _predictions_name(reference.pair, reference.split, reference.name)
            theirs = Judged(reference.scores["rmse"], tested_predictions(folder, name))
            found[row.study] = compare(Judged(row.test_rmse, tested_predictions(folder, row.study)), theirs)
    return found


def _predictions_name(pair: str, split: str, reference: str) -> str:
    return f"{pair}.{split}.reference-{reference}"


def tested_predictions(folder: StoragePath, name: str) -> PartPredictions | None:
    """The predictions of a study's winner, or of a reference, for the test part; None where none were kept.

    Raises:
        StorageError: the file cannot be read.
    """
    place = folder / predictions_file(name)
    return read_predictions(io.BytesIO(place.read_bytes()), str(place)).get("test") if place.exists() else None
