"""The references of a campaign in MLflow, where the report finds them."""

from collections.abc import Callable, Mapping
from typing import Any

from gear.errors import GearError
from search.campaign.campaign import Campaign
from search.results.references import Reference, read_references, reference_predictions_name
from search.storage.base import StoragePath
from search.storage.layout import predictions_file
from tracking.references import ReferenceRun, record_reference_runs

__all__ = ["record_references"]


def record_references(
    campaign: Campaign, head: Mapping[str, Any], folder: StoragePath, tracking_uri: str, say: Callable[[str], None]
) -> None:
    """Record the references in MLflow, those that it has already excepted; where that fails it is said.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.
        tracking_uri: of MLflow, which must have recorded the campaign.
        say: takes a line where they could not be recorded.
    """
    try:
        runs = [_run(reference, head, folder) for reference in read_references(campaign, folder)]
        if runs:
            record_reference_runs(tracking_uri, campaign.plan.name, head["created"], runs)
    except (GearError, OSError) as error:
        say(f"the references are not recorded in MLflow: {error}")


def _run(reference: Reference, head: Mapping[str, Any], folder: StoragePath) -> ReferenceRun:
    pair, split = reference.pair, reference.split
    place = folder / predictions_file(reference_predictions_name(pair, split, reference.name))
    facts = head["data"][f"{pair}.{split}"] | {"split_hash": reference.split_hash, "data_hash": reference.data_hash}
    predictions = place.read_bytes() if place.exists() else None
    title = f"{pair}.{split} {reference.title}"
    return ReferenceRun(reference.name, title, pair, split, facts, reference.numbers, predictions)
