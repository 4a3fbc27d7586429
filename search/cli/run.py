"""The search from the command line: flags to a plan and options, a launch, its leaderboard."""

import argparse
import dataclasses
import shlex
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gear.command_line import SCRIPT
from gear.environment import with_home
from gear.errors import InputDataError, StorageError, user_command
from gear.methods import find_method
from gear.variants import method_of
from search.cli.cluster.remote import run_on_cluster, split_flags
from search.cli.run_options import begun_again, extended, make_parser, new_plan
from search.cli.source_choice import chosen_for
from search.plan.campaign_plan import CampaignPlan, check_settings

if TYPE_CHECKING:
    from rich.console import Console

    from search.launch.campaign_result import CampaignResult
    from search.launch.launch_options import LaunchOptions

__all__ = ["main"]

INTERRUPTED = 130  # exit code, as a shell gives for Ctrl-C
SECONDS_PER_EPOCH = 1.0  # of a trial on its share of a GPU, for the estimate before a big search


@user_command
def main() -> int:
    """Plan, check, search, evaluate and register the winners."""
    cluster_file, flags = split_flags(sys.argv[1:])
    if cluster_file is not None:
        return run_on_cluster(cluster_file, flags)
    args = make_parser().parse_args()
    from gear.data.cache import cache_folder  # the rest imports late, so that a wrong flag is answered at once
    from search.cli.console import make_console

    console = make_console()
    cache_folder()  # asks for GEAR_CACHE where there is no home folder; then Ray and MLflow make do with an empty one
    try:
        with with_home():
            return _run(args, console)
    except KeyboardInterrupt:
        console.print("stopped before anything began", soft_wrap=True)
        return INTERRUPTED


def _run(args: argparse.Namespace, console: "Console") -> int:
    from search.cli.console import plan_text
    from search.cli.progress import ConsoleDisplay
    from search.launch.checks import check_plug_ins, check_tables
    from search.launch.launch_options import LaunchOptions
    from search.launch.run_campaign import continue_campaign, run_campaign
    from search.runtime import connection

    address = connection.where(args.address)
    options = LaunchOptions(args.storage, args.tracking_uri, address, args.concurrency, args.time_budget)
    with ExitStack() as stack:
        if address is not None:  # first, since the cluster decides the preset
            stack.enter_context(connection.connected(address))
        plan, resumes = _plan(args, options, console)
        check_settings(plan)
        check_plug_ins(plan)
        if args.dry_run or not resumes:
            check_tables(plan)
        console.print(plan_text(plan), soft_wrap=True)
        if args.dry_run:
            return _estimate(plan, options, console)
        if not resumes and not _confirmed(plan, args):
            return 0
        options = dataclasses.replace(options, probed=chosen_for(plan.pairs, args))
        launch = continue_campaign if resumes else run_campaign
        try:
            return _conclude(launch(plan, options, ConsoleDisplay(console)), options, console)
        except KeyboardInterrupt:
            console.print(_stopped(plan, args, options), soft_wrap=True)
            return INTERRUPTED


def _plan(args: argparse.Namespace, options: "LaunchOptions", console: "Console") -> tuple[CampaignPlan, bool]:
    """The plan, and whether a campaign is to go on with it."""
    from search.storage.campaign_store import is_taken, newest_campaign, next_name
    from search.storage.snapshot import recorded_plan

    storage = options.place
    if args.resume:
        return extended(recorded_plan(storage, args.name or newest_campaign(storage)), args), True
    plan, why = new_plan(args, gpu=_has_gpu(options))
    console.print(f"preset {plan.preset}: {why}", soft_wrap=True)
    if not plan.name:
        if args.or_resume:
            raise InputDataError("--or-resume: give the campaign a --name, to be known by again")
        return dataclasses.replace(plan, name=next_name(storage, plan.preset)), False
    if not is_taken(storage / plan.name):
        return plan, False
    if args.or_resume:
        return begun_again(recorded_plan(storage, plan.name), plan), True
    raise StorageError(f"{storage / plan.name} exists: give another --name, or --resume to go on with it")


def _has_gpu(options: "LaunchOptions") -> bool:
    """Whether trials can run on a GPU: of the cluster, or of this machine."""
    if options.address is not None:
        from search.runtime import resources

        return resources.has_gpu()
    from gear.device import pick_device  # torch, a second

    return pick_device("auto").type == "cuda"


def _estimate(plan: CampaignPlan, options: "LaunchOptions", console: "Console") -> int:
    """Print what the campaign takes, without starting it."""
    from search.launch.checks import misfits
    from search.launch.estimate import advised, probe, report, this_machine
    from search.runtime import resources

    nodes = [this_machine()] if options.address is None else resources.largest()
    lines = report(plan, nodes, options.concurrency, probe(plan), misfits(plan, options))
    for line in (*lines, *advised(plan)):
        console.print(line, soft_wrap=True)
    return 0


def _confirmed(plan: CampaignPlan, args: argparse.Namespace) -> bool:
    """Ask before a big search, where there is somebody to ask."""
    if not plan.preset.startswith("benchmark") or args.yes or sys.stdin is None or not sys.stdin.isatty():
        return True
    trained = [study for study in plan.studies if not find_method(method_of(study.method).method).fits_at_once]
    epochs = sum(plan.folds(study.split, "search") for study in trained) * plan.search.trials * plan.epochs
    hours = epochs * SECONDS_PER_EPOCH / 3600
    cost = f"{hours * plan.search.gpus_per_trial:.0f} GPU hours" if plan.search.gpus_per_trial else f"{hours:.0f} hours"
    return input(f"At most about {cost} of trials (early stopping saves about half). Start? [y/N] ").lower() == "y"


def _conclude(result: "CampaignResult", options: "LaunchOptions", console: "Console") -> int:
    """Show the winners, or how to go on; the exit code says whether there is any winner."""
    from search.cli.leaderboard import print_leaderboard
    from search.launch.commands import report_command
    from search.results.winners import leaderboard
    from tracking.identity import CampaignIdentity
    from tracking.mlflow_page import runs_words

    if result.outcome == "interrupted":
        console.print(f"stopped; go on with: {_resume_command(result.name, options)}", soft_wrap=True)
        return INTERRUPTED
    board = leaderboard(result.campaign, result.head, result.folder)
    print_leaderboard(console, board)
    again = _resume_command(result.name, options)
    if result.campaign.done:
        console.print(f"one page to pass on: {report_command(options.tracking_uri)}", soft_wrap=True)
        if runs := runs_words(options.tracking_uri, CampaignIdentity.of(result.name, result.head)):
            console.print(f"every run: {runs}", soft_wrap=True)
        console.print(f"search on: {again} --trials {2 * result.campaign.plan.search.trials}", soft_wrap=True)
    else:
        console.print(f"the time budget is used up; go on with: {again}", soft_wrap=True)
    console.print(f"campaign folder: {result.folder}", soft_wrap=True)
    return 0 if any(row.validation_rmse is not None for row in board.standings) else 1


def _stopped(plan: CampaignPlan, args: argparse.Namespace, options: "LaunchOptions") -> str:
    """How to go on after an interruption before the search, where what it changes is not recorded yet, or after it."""
    from search.storage.campaign_store import is_taken

    if args.resume or args.or_resume or not is_taken(options.place / plan.name):
        return f"stopped; go on with: {shlex.join([SCRIPT, 'run', *sys.argv[1:]])}"
    return f"stopped; go on with: {_resume_command(plan.name, options)}"


def _resume_command(name: str, options: "LaunchOptions") -> str:
    from search.launch.commands import resume_command
    from tracking.tracking_uri import DEFAULT_TRACKING_URI

    more = [] if options.tracking_uri == DEFAULT_TRACKING_URI else ["--tracking-uri", options.tracking_uri]
    more += [] if options.address is None else ["--address", options.address]
    return resume_command(name, options.place, *more)
