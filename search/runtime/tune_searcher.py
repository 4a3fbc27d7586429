"""Tune's searcher: asks the campaign for the next attempt."""

from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from gear.config import to_dict
from search.campaign.campaign import Campaign
from search.runtime.deferred_error import FaultKeeper

__all__ = ["CampaignSearcher"]


class CampaignSearcher(Searcher):
    """Hands out the campaign's attempts as Tune trials, until the campaign is done or a hook has failed.

    Args:
        campaign: decides.
        faults: keeps what goes wrong.
        limit: how many attempts may be handed out and not ended, as it is now.
    """

    def __init__(self, campaign: Campaign, faults: FaultKeeper, limit: Callable[[], int]) -> None:
        super().__init__()
        self.campaign = campaign
        self.faults = faults
        self.limit = limit

    def set_search_properties(self, *_: Any, **__: Any) -> bool:  # noqa: ANN401 - Tune's
        """Metric and mode are the campaign's."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a str
        """The next attempt; None while others run that may be followed by more."""
        with self.faults.kept():
            if self.campaign.live >= self.limit():
                return None
            job = self.campaign.next_job(trial_id)
            if job is not None:
                return to_dict(job)
        if self.faults.first is None and self.campaign.live:
            return None
        finished: str = Searcher.FINISHED  # final for Tune: only when nothing is left that could fail
        return finished

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The scheduler has told the campaign."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the truth is the campaign folder."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a resumed campaign is a new experiment."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing, as `save`."""

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles what it never reads back here."""
        return {}
