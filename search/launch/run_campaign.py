"""Run a campaign from Python: `run_campaign` starts one, `resume_campaign` goes on with one; the command calls them."""

import dataclasses
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from gear.errors import StorageError
from search.campaign.campaign import Campaign
from search.launch.campaign_result import CampaignResult
from search.launch.checks import check_launch
from search.launch.commands import record_command
from search.launch.launch_options import Display, LaunchOptions, PlainDisplay
from search.launch.prepare import DataFacts, create_store, prepare_data, resume_store
from search.launch.provenance import begin_launch
from search.launch.source_check import say_doubtful_sources
from search.plan.campaign_plan import CampaignPlan
from search.plan.extension import extended_plan
from search.results.finalize import deliver, judge_results
from search.results.mlflow_records import MlflowRecords, final_records, history
from search.runtime.connection import connected
from search.runtime.resources import Slots
from search.runtime.tune_run import Launch, Outcome, run_search
from search.storage.campaign_store import CampaignStore, is_taken, newest_campaign, next_name
from search.storage.checkpoint_cleanup import CheckpointCleanup
from search.storage.earlier_campaigns import earlier_studies
from search.storage.relocation import relocated
from search.storage.snapshot import recorded_plan
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder

__all__ = ["continue_campaign", "resume_campaign", "run_campaign"]


def run_campaign(
    plan: CampaignPlan, options: LaunchOptions | None = None, display: Display | None = None
) -> CampaignResult:
    """Search all studies of a plan, evaluate, export and register their winners.

    Ray is started on this machine, or joined at `options.address`; a Ray that this process is connected to already is
    used as it is.

    Args:
        plan: what to search; without a name it takes the first free one of its preset, `quick-1`.
        options: where it runs and writes; by default on this machine, into ./campaigns.
        display: what is shown meanwhile; by default a printed line for each trial.

    Raises:
        StorageError: a campaign of this name exists, or its folder cannot be written.
        GearError: the data, the models or the cluster cannot be used, see the message.
    """
    options, display = options or LaunchOptions(), display or PlainDisplay()
    storage = options.place
    plan = plan if plan.name else dataclasses.replace(plan, name=next_name(storage, plan.preset))
    folder = storage / plan.name
    if is_taken(folder):
        raise StorageError(f"{folder} exists: give another --name, or --resume to go on with it")

    def begin(data: DataFacts) -> CampaignStore:  # after the checks, so that what they refuse is refused at once
        say_doubtful_sources(plan, options.probed, display.say)
        return create_store(folder, plan, data)

    return _launch(plan, options, display, begin, new=True)


def resume_campaign(
    name: str | None = None,
    options: LaunchOptions | None = None,
    display: Display | None = None,
    **changes: Any,  # noqa: ANN401 - of the fields of SearchSettings that a resume may change
) -> CampaignResult:
    """Go on with a campaign that was interrupted, or extend a finished one.

    Args:
        name: of the campaign; by default the one that was run last.
        options: see `run_campaign`.
        display: see `run_campaign`.
        **changes: settings of the search that may change, such as `trials=50`.

    Raises:
        InputDataError: a change that is not allowed.
        StorageError: no such campaign, or another process runs it.
        GearError: its data has changed, or see `run_campaign`.
    """
    options = options or LaunchOptions()
    recorded = recorded_plan(options.place, name or newest_campaign(options.place))
    return continue_campaign(extended_plan(recorded, changes), options, display)


def continue_campaign(
    plan: CampaignPlan, options: LaunchOptions | None = None, display: Display | None = None
) -> CampaignResult:
    """Go on with the campaign of a plan's name under this plan, which extends the recorded one.

    Raises:
        StorageError, GearError: see `resume_campaign`.
    """
    options, display = options or LaunchOptions(), display or PlainDisplay()
    folder = options.place / plan.name
    before, changes = relocated(folder)
    for change in changes:
        display.say(change)
    return _launch(plan, options, display, lambda data: resume_store(folder, plan, data, before), new=False)


def _launch(
    plan: CampaignPlan,
    options: LaunchOptions,
    display: Display,
    open_store: Callable[[DataFacts], CampaignStore],
    *,
    new: bool,
) -> CampaignResult:
    with ExitStack() as stack:
        if options.address is not None:  # first, since checks look at the cluster's nodes
            stack.enter_context(connected(options.address))
        check_launch(plan, options, display.say)
        data = prepare_data(plan, display.say, new=new)
        if options.address is None:
            stack.enter_context(connected(None))
        slots = Slots(plan.search, options.concurrency, grows=options.address is not None)
        earlier = earlier_studies(options.place, plan, data, display.say, new=new)
        store = stack.enter_context(open_store(data))
        recorder = Recorder(options.tracking_uri, CampaignIdentity.of(plan.name, store.head))
        campaign = Campaign(plan, store.append, store.events(), earlier)
        begin_launch(campaign, store.head, display.say)
        records = MlflowRecords(recorder, plan, data, store.events())
        stack.enter_context(recorder.start(lambda: history(plan, data, store.folder)))
        if recorder.away:
            display.say(_away(options.tracking_uri, store))
        listener, shown = display.follow(campaign, slots.now)
        campaign.listeners += [CheckpointCleanup(campaign, store), records, listener]
        ends = None if options.time_budget is None else time.monotonic() + options.time_budget

        def search() -> Outcome:
            if campaign.done:
                return "done"
            with shown:
                left = None if ends is None else max(ends - time.monotonic(), 0.0)
                return run_search(campaign, store, Launch(slots.limit, left))

        outcome = search()  # of a done campaign nothing: it was resumed to test, export or register
        if outcome != "interrupted":
            judge_results(campaign, store, display.say)
            recorder.tell(*final_records(plan, data, store.folder, campaign.newest_blends))
        if outcome == "done":
            outcome = search()  # of members of blends, chosen just now, on all labels
        if outcome != "interrupted":
            recorder.flush()  # a registered model links to the run of its trial or blend
            deliver(campaign, store, options.tracking_uri, display.say)
        return CampaignResult(campaign, store.head, store.folder, outcome)


def _away(tracking_uri: str, store: CampaignStore) -> str:
    later = record_command(store.folder.name, store.folder.parent, tracking_uri)
    return (
        f"MLflow at {tracking_uri} does not answer: the search goes on, its record is completed when it is back, "
        f"or by: {later}"
    )
