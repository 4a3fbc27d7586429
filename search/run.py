"""The search from the command line: `python -m search.run`."""

import argparse
import dataclasses
import datetime
import importlib.metadata
import itertools
import sys
from contextlib import ExitStack, suppress
from typing import Any

from rich.console import Console

from gear.data import load_pair
from gear.data.molecules.fingerprint import packed_fingerprints
from gear.errors import GearError, InputDataError, StorageError, user_command
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import units
from search.cli.cluster.remote import run_on_cluster, split_flags
from search.cli.commands import record_command, resume_command
from search.cli.console import make_console, plan_text
from search.cli.leaderboard import print_leaderboard
from search.cli.progress import Progress
from search.cli.run_options import begun_again, extended, make_parser, new_plan
from search.launch.estimate import probe, report, this_machine
from search.launch.provenance import commit
from search.plan.campaign_plan import CampaignPlan
from search.plan.plan_file import plan_from_dict, plan_to_dict, plan_to_toml
from search.plan.space import base_of
from search.results.finalize import finalize
from search.results.mlflow_records import Feed, history
from search.runtime import connection, resources
from search.runtime.node_check import different
from search.runtime.storage_check import unreachable
from search.runtime.tune_run import Launch, run_search
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore, newest_campaign, next_name, read_campaign
from search.storage.checkpoint_cleanup import Housekeeper
from search.storage.earlier_campaigns import earlier_studies
from tracking.client import DEFAULT_TRACKING_URI, ServerAway, open_client
from tracking.recording.recorder import Recorder

__all__ = ["main"]

INTERRUPTED = 130  # exit code, as a shell gives for Ctrl-C
SECONDS_PER_EPOCH = 1.0  # of a trial on its share of a GPU, for the estimate before a big search
PACKAGES = ("gear-search", "torch", "chemprop", "rdkit", "ray", "optuna", "mlflow")

DataFacts = dict[str, dict[str, str]]  # "PAIR.SPLIT" -> split_hash, data_hash, unit


@user_command
def main() -> int:
    """Plan, check, search, finalize."""
    cluster_file, flags = split_flags(sys.argv[1:])
    if cluster_file is not None:
        return run_on_cluster(cluster_file, flags)
    args, console = make_parser().parse_args(), make_console()
    args.address = connection.where(args.address)
    try:
        return _run(args, console)
    except KeyboardInterrupt:
        console.print("stopped", soft_wrap=True)
        return INTERRUPTED


def _run(args: argparse.Namespace, console: Console) -> int:
    with ExitStack() as stack:
        if args.address is not None:  # first, since the cluster decides the preset
            stack.enter_context(connection.connected(args.address))
        plan = _resumed_plan(args) if args.resume else _new_plan(args, console)
        console.print(plan_text(plan), soft_wrap=True)
        if args.dry_run:
            nodes = [this_machine()] if args.address is None else resources.largest()
            misfits = [*_odd_nodes(args, plan), *_unreachable(args)]
            for line in report(plan, nodes, args.concurrency, probe(plan), misfits):
                console.print(line, soft_wrap=True)
            return 0
        if not _confirmed(plan, args):
            return 0
        _check_nodes(args, plan)
        _check_storage(args)
        _check_models(plan, console)
        _check_tracking(args.tracking_uri)
        data = _prepare(plan, console)
        if args.address is None:
            stack.enter_context(connection.connected(None))
        slots = resources.Slots(plan.search, args.concurrency, grows=args.address is not None)
        head, earlier = _head(args, plan, data), earlier_studies(args.storage, plan, data)
        recorder = Recorder(args.tracking_uri, plan.name, head["created"])
        store = stack.enter_context(_open_store(args, plan, head))
        campaign = Campaign(plan, store.append, store.events(), earlier)
        feed = Feed(recorder, plan, data, store.events())
        stack.enter_context(recorder.start(lambda: history(plan, data, store.folder)))
        if recorder.away:
            console.print(_away(args.tracking_uri, store.folder), soft_wrap=True)
        progress = Progress(campaign, slots.now, console)
        campaign.listeners += [Housekeeper(campaign, store), feed, progress]
        if not campaign.done:  # a done one was resumed to evaluate, export or register its winners
            with progress.shown():
                outcome = run_search(campaign, store, Launch(slots.limit, args.time_budget))
            if outcome == "interrupted":
                console.print(f"stopped; go on with: {_resume_command(plan, args)}", soft_wrap=True)
                return INTERRUPTED
        recorder.flush()  # a registered model links to its trial's run
        return _conclude(campaign, store, args, console)


def _new_plan(args: argparse.Namespace, console: Console) -> CampaignPlan:
    gpu = resources.has_gpu() if args.address is not None else _local_gpu()
    plan, why = new_plan(args, gpu=gpu)
    console.print(f"preset {plan.preset}: {why}", soft_wrap=True)
    if not plan.name:
        if args.or_resume:
            raise InputDataError("--or-resume: give the campaign a --name, to be known by again")
        plan = dataclasses.replace(plan, name=next_name(args.storage, plan.preset))
    if (args.storage / plan.name).exists():
        if args.or_resume:
            args.resume = True
            return begun_again(_recorded_plan(args, plan.name), plan)
        raise StorageError(f"{args.storage / plan.name} exists: give another --name, or --resume to go on with it")
    return plan


def _resumed_plan(args: argparse.Namespace) -> CampaignPlan:
    name = args.name or newest_campaign(args.storage)
    return extended(_recorded_plan(args, name), args)


def _recorded_plan(args: argparse.Namespace, name: str) -> CampaignPlan:
    return plan_from_dict(read_campaign(args.storage / name)["plan"])


def _local_gpu() -> bool:
    from gear.device import pick_device  # torch, a second

    return pick_device("auto").type == "cuda"


def _confirmed(plan: CampaignPlan, args: argparse.Namespace) -> bool:
    """Ask before a big search, where there is somebody to ask."""
    if plan.preset != "benchmark" or args.yes or args.resume or not sys.stdin.isatty():
        return True
    epochs = len(plan.studies) * plan.search.trials * plan.search.validation_folds * plan.epochs
    hours = epochs * SECONDS_PER_EPOCH / 3600
    cost = f"{hours * plan.search.gpus_per_trial:.0f} GPU hours" if plan.search.gpus_per_trial else f"{hours:.0f} hours"
    return input(f"At most about {cost} of trials (early stopping saves about half). Start? [y/N] ").lower() == "y"


def _check_nodes(args: argparse.Namespace, plan: CampaignPlan) -> None:
    """Is every node like this one? Those that start later are made by the same commands."""
    if odd := _odd_nodes(args, plan):
        raise GearError("; ".join(odd))


def _odd_nodes(args: argparse.Namespace, plan: CampaignPlan) -> list[str]:
    files = {task.file for pair in plan.pairs for task in (pair.target, *pair.sources) if task.file is not None}
    return [] if args.address is None else different(sorted(files))


def _check_storage(args: argparse.Namespace) -> None:
    """Before minutes of preparation: could the campaign be written, from everywhere?"""
    try:
        args.storage.check_writable()
        blind = _unreachable(args)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot write campaigns to {args.storage} ({reason}): give another --storage") from error
    if blind:
        raise StorageError("; ".join(blind))


def _unreachable(args: argparse.Namespace) -> list[str]:
    return [] if args.address is None else unreachable(args.storage)


def _check_tracking(tracking_uri: str) -> None:
    """A wrong URI is refused before minutes of preparation; a server that is away is waited for later."""
    with suppress(ServerAway):
        open_client(tracking_uri, create=True)


def _check_models(plan: CampaignPlan, console: Console) -> None:
    """Build every method's first model once: what cannot be built is told before anything starts, as are its notes."""
    from gear.methods import build_method  # torch, a second

    for method, sources in itertools.product(plan.methods, {len(pair.sources) for pair in plan.pairs}):
        for note in build_method(base_of(method, plan.config), sources).notes:
            console.print(f"{method}: {note}", soft_wrap=True)


def _prepare(plan: CampaignPlan, console: Console) -> DataFacts:
    """Build what is not built yet of every pair and split, so that no trial waits for it."""
    facts: DataFacts = {}
    for pair, split in itertools.product(plan.pairs, plan.splits):
        console.print(f"preparing {pair.id} {split}", soft_wrap=True)
        data = load_pair(pair, split, plan.search.split_seed)
        if "fingerprint" in plan.embedding_kinds:
            packed_fingerprints(data.smiles)
        facts[f"{pair.id}.{split}"] = {
            "split_hash": data.split_hash,
            "data_hash": data.data_hash,
            "unit": data.target.unit,
        }
    return facts


def _head(args: argparse.Namespace, plan: CampaignPlan, data: DataFacts) -> dict[str, Any]:
    """The contents of campaign.json; a resumed campaign must find the data it began with."""
    if not args.resume:
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        versions = {name: importlib.metadata.version(name) for name in PACKAGES} | commit()
        return {"plan": plan_to_dict(plan), "data": data, "created": created, "versions": versions}
    before = read_campaign(args.storage / plan.name)
    for name, facts in data.items():
        if facts != before["data"][name]:
            raise GearError(f"the data of {name} are not those the campaign {plan.name} began with: start another")
    return {**before, "plan": plan_to_dict(plan)}


def _open_store(args: argparse.Namespace, plan: CampaignPlan, head: dict[str, Any]) -> CampaignStore:
    folder, toml = args.storage / plan.name, plan_to_toml(plan)
    if not args.resume:
        store = CampaignStore.create(folder, head, toml)
        for pair, split in itertools.product(plan.pairs, plan.splits):
            store.keep_split(load_pair(pair, split, plan.search.split_seed))
        return store
    store = CampaignStore.resume(folder)
    store.update(head, toml)
    return store


def _conclude(campaign: Campaign, store: CampaignStore, args: argparse.Namespace, console: Console) -> int:
    """Name the winners; the exit code says whether there is any."""
    plan = campaign.plan
    standings = finalize(campaign, store, args.tracking_uri, console.print)
    print_leaderboard(console, standings, units(store.head))
    if not campaign.done:
        console.print(f"the time budget is used up; go on with: {_resume_command(plan, args)}", soft_wrap=True)
    console.print(f"campaign folder: {store.folder}", soft_wrap=True)
    return 0 if any(standing.validation_rmse is not None for standing in standings) else 1


def _away(tracking_uri: str, folder: StoragePath) -> str:
    later = record_command(folder.name, folder.parent, tracking_uri)
    return (
        f"MLflow at {tracking_uri} does not answer: the search goes on, its record is completed when it is back, "
        f"or by: {later}"
    )


def _resume_command(plan: CampaignPlan, args: argparse.Namespace) -> str:
    more = [] if args.tracking_uri == DEFAULT_TRACKING_URI else ["--tracking-uri", args.tracking_uri]
    more += [] if args.address is None else ["--address", args.address]
    return resume_command(plan.name, args.storage, *more)


if __name__ == "__main__":
    sys.exit(main())
