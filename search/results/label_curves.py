"""Test error against the number of labels, from a campaign folder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gear.data.splits.split_name import parse_split, without
from gear.evaluation.learning_curve import LearningCurve, TestedModel, learning_curves
from search.campaign.leaderboard import Standing, data_facts
from search.results.references import Reference, reference_predictions_of, tested_predictions
from search.storage.base import StoragePath

__all__ = ["label_curves", "tested_models"]


def label_curves(
    rows: Sequence[Standing], references: Sequence[Reference], head: Mapping[str, Any], folder: StoragePath
) -> list[LearningCurve]:
    """The curves of the pairs whose splits differ in the number of labels.

    A split with all labels is left out where an earlier version did not record how many these are.

    Raises:
        StorageError: predictions cannot be read.
    """
    splits = {row.split for row in rows}
    if len({without(split, ["labels"]) for split in splits}) == len(splits):
        return []  # nothing to read
    return learning_curves(tested_models(rows, references, head, folder))


def tested_models(
    rows: Sequence[Standing], references: Sequence[Reference], head: Mapping[str, Any], folder: StoragePath
) -> Iterator[TestedModel]:
    """The winners, blends and references whose predictions and number of labels are recorded.

    Raises:
        StorageError: predictions cannot be read.
    """
    for row in rows:
        labels, part = _labels(head, row.pair, row.split), tested_predictions(folder, row.study)
        if labels and part is not None and row.test_rmse is not None:
            yield TestedModel(row.pair, row.split, row.method, labels, row.test_rmse, part, row.validation_rmse)
    for found in references:
        labels, part = _labels(head, found.pair, found.split), reference_predictions_of(found, folder)
        if labels and part is not None:
            yield TestedModel(found.pair, found.split, found.title, labels, found.scores["rmse"], part)


def _labels(head: Mapping[str, Any], pair: str, split: str) -> int:
    """The number of labels of a split; 0 where it is unknown."""
    return parse_split(split).labels or int(data_facts(head["data"], pair, split).get("labels", 0))
