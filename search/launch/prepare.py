"""Data of a campaign, built before its first trial, and what campaign.json says of them."""

import datetime
import itertools
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from gear.data import load_pair
from gear.data.cache import content_key
from gear.data.fewer import for_fitted
from gear.data.points import unknown_features
from gear.embeddings import prepare
from gear.errors import GearError
from search.launch.advice import advice
from search.plan.campaign_plan import CampaignPlan
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore

__all__ = ["DataFacts", "create_store", "prepare_data", "resume_store"]

DataFacts = dict[str, dict[str, str]]  # "PAIR.SPLIT" -> what is known of it, see `prepare_data`


def prepare_data(plan: CampaignPlan, say: Callable[[str], None], *, new: bool = True) -> DataFacts:
    """Build what is not built yet of pretrained weights and of every pair and split, so that no trial waits for it.

    Every fold is divided once. Of a campaign that is not new it is not said what should be done otherwise.

    Raises:
        InputDataError: a file or an embedding cannot be used, or there are too few molecules, or groups of them.
        StorageError: the cache cannot be written.
    """
    if plan.config.embedding.pretrained != "none":
        from gear.pretrain.start import starting_weights  # torch, two seconds

        starting_weights(plan.config.embedding, say)
    facts: DataFacts = {}
    for pair, split in itertools.product(plan.pairs, plan.splits):
        say(f"preparing {pair.id} {split}")
        if split == plan.splits[0]:
            for note in unknown_features(pair):
                say(note)
        data = load_pair(pair, split, plan.search.split_seed)
        prepare(plan.trained_kinds, data)
        prepare(plan.embedding_kinds - plan.trained_kinds, for_fitted(data))
        others = range(1, plan.folds(split, "search"))
        hashes = [load_pair(pair, split, plan.search.split_seed, fold).split_hash for fold in others]
        for line in advice(plan, split, data) if new else ():
            say(f"{pair.id} {split}: {line}")
        facts[f"{pair.id}.{split}"] = {
            "split_hash": data.split_hash,
            "data_hash": data.data_hash,
            "unit": data.target.unit,
            "labels": str(len(data.target.train.value) + len(data.target.validation.value)),
        }
        if hashes:  # a model of another division would be validated on what it was trained on
            facts[f"{pair.id}.{split}"]["folds_hash"] = content_key([data.split_hash, *hashes])
    return facts


def create_store(folder: StoragePath, plan: CampaignPlan, data: DataFacts) -> CampaignStore:
    """Make the folder of a new campaign, its splits included.

    Raises:
        StorageError: it exists, or cannot be written.
    """
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    head = {"id": secrets.token_hex(8), "plan": plan_to_dict(plan), "data": data, "created": created}
    store = CampaignStore.create(folder, head, plan_to_toml(plan))
    _write_splits(store, plan)
    return store


def resume_store(folder: StoragePath, plan: CampaignPlan, data: DataFacts, before: Mapping[str, Any]) -> CampaignStore:
    """Open the folder of a campaign to go on with it, perhaps with an extended plan.

    Args:
        folder: of the campaign.
        plan: as it is to be now.
        data: as found now.
        before: the recorded campaign.json.

    Raises:
        GearError: the data has changed.
        StorageError: another driver has the campaign.
    """
    for name, facts in data.items():
        known = before["data"][name]  # an earlier version recorded fewer facts
        if {fact: facts[fact] for fact in known} != known:
            raise GearError(f"data of {name} has changed since campaign {plan.name} started: start a new campaign")
    store = CampaignStore.resume(folder)
    store.update({**before, "data": data, "plan": plan_to_dict(plan)}, plan_to_toml(plan))
    _write_splits(store, plan)
    return store


def _write_splits(store: CampaignStore, plan: CampaignPlan) -> None:
    """Write the splits that the folder lacks."""
    for pair, split in itertools.product(plan.pairs, plan.splits):
        if store.lacks_split(pair.id, split):
            store.write_split(load_pair(pair, split, plan.search.split_seed))
