"""What is checked before a campaign starts, so that minutes of preparation are not spent on what cannot run."""

import itertools
from collections.abc import Callable
from contextlib import suppress

from gear.data.user_files.task_file import check_columns
from gear.errors import GearError, StorageError
from gear.methods import base_of, build_method
from search.campaign.pruning import find_pruner
from search.campaign.samplers import find_sampler
from search.launch.launch_options import LaunchOptions
from search.plan.campaign_plan import CampaignPlan, check_settings
from search.runtime.node_check import different
from search.runtime.storage_check import unreachable
from search.storage.base import StoragePath
from tracking.client import ServerAway, open_client

__all__ = ["check_launch", "check_plug_ins", "check_tables", "misfits"]


def check_launch(plan: CampaignPlan, options: LaunchOptions, say: Callable[[str], None]) -> None:
    """Check the plug-ins, the nodes, the storage, the models and the tracking server; notes on models are shown.

    Raises:
        UnknownNameError, InputDataError: see `check_plug_ins`.
        GearError: a node differs from this one, or a model cannot be built.
        StorageError: campaigns cannot be written, or a node does not see them.
    """
    check_settings(plan)
    check_plug_ins(plan)
    if odd := _odd_nodes(plan, options):
        raise GearError("; ".join(odd))
    _check_storage(options, options.place)
    _check_models(plan, say)
    with suppress(ServerAway):  # a wrong URI is refused now, a server that is away is waited for later
        open_client(options.tracking_uri, create=True)


def check_plug_ins(plan: CampaignPlan) -> None:
    """Check that the sampler and the pruner of a plan can be loaded.

    Raises:
        UnknownNameError, InputDataError: see `find_sampler` and `find_pruner`.
    """
    find_sampler(plan.search.sampler)
    find_pruner(plan.search.pruner)


def check_tables(plan: CampaignPlan) -> None:
    """Check that the user's tables are there and have the columns that the plan names; their rows are read later.

    Raises:
        InputDataError: a file cannot be read, or lacks a column.
    """
    for task in dict.fromkeys(task for pair in plan.pairs for task in (pair.target, *pair.sources)):
        if task.file is not None:
            check_columns(task)


def misfits(plan: CampaignPlan, options: LaunchOptions) -> list[str]:
    """What differs between the nodes of a cluster, and which of them do not see the storage, a line each."""
    return [*_odd_nodes(plan, options), *_unreachable(options, options.place)]


def _odd_nodes(plan: CampaignPlan, options: LaunchOptions) -> list[str]:
    """Nodes that differ from this one; those that start later are made by the same commands."""
    return [] if options.address is None else different(plan.files, plan.import_paths)


def _unreachable(options: LaunchOptions, place: StoragePath) -> list[str]:
    return [] if options.address is None else unreachable(place)


def _check_storage(options: LaunchOptions, place: StoragePath) -> None:
    try:
        place.check_writable()
        blind = _unreachable(options, place)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot write campaigns to {place} ({reason}): give another --storage") from error
    if blind:
        raise StorageError("; ".join(blind))


def _check_models(plan: CampaignPlan, say: Callable[[str], None]) -> None:
    """Build the first model of every method once."""
    kinds = {(len(pair.sources), len(pair.target.features)) for pair in plan.pairs}
    for method, (sources, columns) in itertools.product(plan.methods, kinds):
        for note in build_method(base_of(method, plan.config), sources, columns).notes:
            say(f"{method}: {note}")
