"""The references of a campaign in MLflow, where the report finds them."""

from collections.abc import Callable, Mapping
from typing import Any

from gear.errors import GearError
from search.campaign.leaderboard import data_facts
from search.results.evidence import Board
from search.results.references import Reference, reference_predictions_name
from search.storage.base import StoragePath
from search.storage.layout import predictions_file
from tracking.identity import CampaignIdentity
from tracking.references import ReferenceRun, record_reference_runs

__all__ = ["record_references"]


def record_references(board: Board, tracking_uri: str, say: Callable[[str], None]) -> None:
    """Record the references in MLflow, those that it has already excepted; where that fails it is said.

    Args:
        board: the campaign and its references.
        tracking_uri: of MLflow, which must have recorded the campaign.
        say: takes a line where they could not be recorded.
    """
    try:
        runs = [_run(reference, board.head, board.folder) for reference in board.references]
        if runs:
            record_reference_runs(tracking_uri, CampaignIdentity.of(board.campaign.plan.name, board.head), runs)
    except (GearError, OSError) as error:
        say(f"the references are not recorded in MLflow: {error}")


def _run(reference: Reference, head: Mapping[str, Any], folder: StoragePath) -> ReferenceRun:
    pair, split = reference.pair, reference.split
    place = folder / predictions_file(reference_predictions_name(pair, split, reference.name))
    hashes = {"split_hash": reference.split_hash, "data_hash": reference.data_hash}
    facts = {**data_facts(head["data"], pair, split), **hashes}
    predictions = place.read_bytes() if place.exists() else None
    title = f"{reference.title} {split} {pair}"
    return ReferenceRun(reference.name, title, pair, split, facts, reference.numbers, predictions)
