"""Where a campaign runs and where it shows itself, as opposed to what it searches."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from search.campaign.campaign import Campaign
from search.campaign.events import AttemptLost, Event, TrialEnded
from search.storage.base import StoragePath
from search.storage.locate import DEFAULT_STORAGE, open_folder
from tracking.tracking_uri import DEFAULT_TRACKING_URI

__all__ = ["Display", "LaunchOptions", "Listener", "PlainDisplay", "attempt_lost_line", "trial_ended_line"]

Listener = Callable[..., None]  # takes the events of each step after they took effect


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How one launch of a campaign runs.

    Attributes:
        storage: folder or `s3://BUCKET/PREFIX` that holds all campaigns.
        tracking_uri: of MLflow.
        address: of a running Ray cluster, `HOST:PORT`, or `auto` on one of its machines; None starts Ray here.
        concurrency: maximum number of workers at once, each with a trial or an array; None for as many as fit.
        time_budget: seconds after which no epoch is waited for; the campaign can be resumed.
        probed: ids of pairs whose sources were chosen by a probe just now, which is not repeated.
    """

    storage: StoragePath | str = DEFAULT_STORAGE
    tracking_uri: str = DEFAULT_TRACKING_URI
    address: str | None = None
    concurrency: int | None = None
    time_budget: float | None = None
    probed: tuple[str, ...] = ()

    @property
    def place(self) -> StoragePath:
        """The storage, opened.

        Raises:
            InputDataError, StorageError: see `search.storage.locate.open_folder`.
        """
        return open_folder(self.storage) if isinstance(self.storage, str) else self.storage


class Display(Protocol):
    """What a launch shows to a person."""

    def say(self, line: str) -> None:
        """Show a line."""

    def follow(self, campaign: Campaign, slots: Callable[[], int]) -> tuple[Listener, AbstractContextManager[object]]:
        """A listener for the campaign's events, and a block for the length of which its progress is shown.

        Args:
            campaign: that is run.
            slots: number of trials that the cluster runs at once, as it is now.
        """


class PlainDisplay:
    """Prints a line for each trial that ends; for notebooks, logs and scripts.

    Args:
        say: takes each line.
    """

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self._say = say

    def say(self, line: str) -> None:
        """Show a line."""
        self._say(line)

    def follow(self, campaign: Campaign, slots: Callable[[], int]) -> tuple[Listener, AbstractContextManager[object]]:
        """See `Display.follow`."""

        def listen(*events: Event) -> None:
            for event in events:
                if isinstance(event, TrialEnded):
                    self._say(trial_ended_line(campaign, event))
                if isinstance(event, AttemptLost):
                    self._say(attempt_lost_line(event))

        return listen, nullcontext()


def trial_ended_line(campaign: Campaign, event: TrialEnded) -> str:
    """Which trial of how many ended, how and why, and what it reached."""
    study = campaign.studies[event.study]
    trial = study.trials[event.number]
    blind = event.value is None or trial.purpose == "all-labels"  # where nothing is left to validate on
    value = "" if blind else f", validation RMSE {event.value:.4f}"
    name = f"trial {event.number}" + (f", {trial.origin}," if trial.purpose != "search" else "")
    return f"{event.study} {study.ended}/{study.planned}: {name} {event.state} ({event.reason}){value}"


def attempt_lost_line(event: AttemptLost) -> str:
    """Which trial lost its worker, and why."""
    return f"{event.study} trial {event.number}: its worker died ({event.reason})"
