"""Data of a campaign, built before its first trial, and what campaign.json says of them."""

import datetime
import importlib.metadata
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from gear.data import load_pair
from gear.data.points import unknown_features
from gear.embeddings import prepare
from gear.errors import GearError
from search.launch.provenance import commit
from search.plan.campaign_plan import CampaignPlan
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore

__all__ = ["DataFacts", "create_store", "prepare_data", "resume_store"]

PACKAGES = ("gear-search", "torch", "chemprop", "rdkit", "ray", "optuna", "mlflow")

DataFacts = dict[str, dict[str, str]]  # "PAIR.SPLIT" -> split_hash, data_hash, unit


def prepare_data(plan: CampaignPlan, say: Callable[[str], None]) -> DataFacts:
    """Build what is not built yet of every pair and split, so that no trial waits for it.

    Raises:
        InputDataError: a file or an embedding cannot be used, or there are too few molecules.
    """
    facts: DataFacts = {}
    for pair, split in itertools.product(plan.pairs, plan.splits):
        say(f"preparing {pair.id} {split}")
        if split == plan.splits[0]:
            for note in unknown_features(pair):
                say(note)
        data = load_pair(pair, split, plan.search.split_seed)
        prepare(plan.embedding_kinds, data)
        facts[f"{pair.id}.{split}"] = {
            "split_hash": data.split_hash,
            "data_hash": data.data_hash,
            "unit": data.target.unit,
        }
    return facts


def create_store(folder: StoragePath, plan: CampaignPlan, data: DataFacts) -> CampaignStore:
    """Make the folder of a new campaign, its splits included.

    Raises:
        StorageError: it exists, or cannot be written.
    """
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    versions = {name: importlib.metadata.version(name) for name in PACKAGES} | commit()
    head = {"plan": plan_to_dict(plan), "data": data, "created": created, "versions": versions}
    store = CampaignStore.create(folder, head, plan_to_toml(plan))
    for pair, split in itertools.product(plan.pairs, plan.splits):
        store.write_split(load_pair(pair, split, plan.search.split_seed))
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
        if facts != before["data"][name]:
            raise GearError(f"data of {name} has changed since campaign {plan.name} started: start a new campaign")
    store = CampaignStore.resume(folder)
    store.update({**before, "plan": plan_to_dict(plan)}, plan_to_toml(plan))
    return store
