"""The references of a campaign's pairs and splits: what a chemist has within a minute, on the same test molecules.

Each winner is held against them (`gear.evaluation.reference`), which shows whether the model was needed.
They are judged before the first winner is exported, since they are evidence, and recorded in MLflow with the winners.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gear.config import PairSpec
from gear.data import load_pair
from gear.data.splits.split_name import cross_validations
from gear.errors import GearError, StorageError
from gear.evaluation.comparison import REFERENCES, STRONGEST, Change, Judged, compare
from gear.evaluation.held_out import PartPredictions, read_predictions
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing
from search.campaign.selection import winner
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore
from search.storage.layout import predictions_file, references_file

__all__ = [
    "Reference",
    "judge_references",
    "read_references",
    "reference_change",
    "reference_predictions_name",
    "reference_predictions_of",
    "strongest_for",
    "tested_predictions",
]


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

    @property
    def title(self) -> str:
        """Its name in tables."""
        return REFERENCES.get(self.name, self.name)

    @property
    def numbers(self) -> dict[str, float]:
        """Its errors under the names that those of a winner have: `test_rmse`, ..."""
        return {f"test_{name}": float(value) for name, value in self.scores.items()}


def judge_references(campaign: Campaign, store: CampaignStore, say: Callable[[str], None]) -> None:
    """Test the references of each pair and split that has a winner and no references yet.

    One that cannot be had is said and left out, since no winner depends on it.
    """
    won = [study.plan for study in campaign.studies.values() if winner(study, campaign.plan.search) is not None]
    for pair, split in {(study.pair.id, study.split): (study.pair, study.split) for study in won}.values():
        if (store.folder / references_file(pair.id, split)).exists():
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
        store.write_predictions(reference_predictions_name(pair.id, split, name), predictions_table(held_out))
    told = {name: dataclasses.asdict(scores(held_out)) for name, held_out in found.items()}
    hashes = {"split_hash": data.split_hash, "data_hash": data.data_hash}
    store.write_json(references_file(pair.id, split), {"scores": told, **hashes})


def read_references(campaign: Campaign, folder: StoragePath) -> list[Reference]:
    """The references that a campaign's folder holds, in the order of the plan; after its splits, cross-validations.

    Raises:
        StorageError: a file of them is damaged.
    """
    return [
        reference
        for pair in campaign.plan.pairs
        for split in (*campaign.plan.splits, *cross_validations(campaign.plan.splits))
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


def strongest_for(row: Standing, references: Sequence[Reference]) -> Reference | None:
    """The strongest reference on the test molecules of a tested study, if there is one."""
    same = (found for found in references if found.name == STRONGEST and found.judged_on == row.judged_on)
    return next(same, None) if row.test_rmse is not None else None


def reference_change(row: Standing, references: Sequence[Reference], folder: StoragePath) -> Change | None:
    """The change of a study's test RMSE against the strongest reference; None where there is nothing to compare with.

    Raises:
        StorageError: predictions cannot be read.
    """
    reference = strongest_for(row, references)
    if reference is None or row.test_rmse is None or not reference.scores["rmse"]:
        return None
    theirs = Judged(reference.scores["rmse"], reference_predictions_of(reference, folder))
    return compare(Judged(row.test_rmse, tested_predictions(folder, row.study)), theirs)


def reference_predictions_of(reference: Reference, folder: StoragePath) -> PartPredictions | None:
    """The predictions of a reference for the test part; None where none were kept.

    Raises:
        StorageError: the file cannot be read.
    """
    return tested_predictions(folder, reference_predictions_name(reference.pair, reference.split, reference.name))


def reference_predictions_name(pair: str, split: str, reference: str) -> str:
    """What stands for the study in the name of the file with a reference's predictions."""
    return f"{pair}.{split}.reference-{reference}"


def tested_predictions(folder: StoragePath, name: str) -> PartPredictions | None:
    """The predictions of a study's winner for the test part; None where none were kept.

    Raises:
        StorageError: the file cannot be read.
    """
    place = folder / predictions_file(name)
    return read_predictions(io.BytesIO(place.read_bytes()), str(place)).get("test") if place.exists() else None
