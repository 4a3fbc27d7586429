"""What models predict for the held-out molecules: once for each checkpoint, then read from the campaign folder.

A winner's predictions are needed for its test, for a blend and for the intervals of its export, and at every resume.
"""

import dataclasses
import hashlib
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from gear.evaluation.held_out import HeldOutPredictions, held_out_of, predictions_table
from gear.label_scaler import Scaler
from gear.parsing import to_dict
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore
from search.storage.layout import held_out_file

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["predict_all"]

SCALER = b"scaler"  # in the metadata of the file


def predict_all(ensemble: "Sequence[Member]", store: CampaignStore) -> list[HeldOutPredictions]:
    """What each model predicts for the held-out molecules.

    Raises:
        StorageError: predictions cannot be written.
    """
    from gear.evaluation.evaluate import predict_held_out  # torch, not before it is needed

    found = []
    for member in ensemble:
        place = held_out_file(_key(member))
        known = _read(store.folder / place)
        if known is None:
            known = predict_held_out(member.checkpoint, member.spec, member.pair)
            store.write_table(place, _table(known))
        found.append(known)
    return found


def _key(member: "Member") -> str:
    """What the predictions depend on: the content of the checkpoint, the configuration and the data."""
    content = hashlib.sha256()
    for file in sorted(member.checkpoint.glob("*")):
        content.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    spec, pair = member.spec, member.pair
    facts = [to_dict(spec.config), spec.fold, spec.labels, pair.split_hash, pair.data_hash]
    content.update(json.dumps(facts, sort_keys=True).encode())
    return content.hexdigest()[:32]


def _table(predicted: HeldOutPredictions) -> pa.Table:
    table = predictions_table(predicted)
    return table.replace_schema_metadata({SCALER: json.dumps(dataclasses.asdict(predicted.scaler))})


def _read(place: StoragePath) -> HeldOutPredictions | None:
    """The predictions of a file; None where it is missing or damaged, since they can be had again."""
    try:
        table = pq.read_table(io.BytesIO(place.read_bytes()))
        scaler = Scaler(**json.loads(table.schema.metadata[SCALER]))
        return held_out_of(table, scaler)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return None
