"""Tune's searcher: asks the campaign for the next attempt at a trial."""

from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from gear.parsing import to_dict
from search.campaign.campaign import Campaign
from search.runtime.deferred_error import DeferredErrors

__all__ = ["CampaignSearcher"]


class CampaignSearcher(Searcher):
    """Submits the attempts of a campaign as Tune trials, until the campaign is done or a hook has failed.

    Args:
        campaign: decides what is tried.
        errors: stores exceptions of the hooks.
        limit: gives the number of attempts that may be submitted and not ended at this moment.
    """

    def __init__(self, campaign: Campaign, errors: DeferredErrors, limit: Callable[[], int]) -> None:
        super().__init__()
        self.campaign = campaign
        self.errors = errors
        self.limit = limit

    def set_search_properties(self, *_: Any, **__: Any) -> bool:  # noqa: ANN401 - Tune's
        """Accept any: the campaign decides metric and mode."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a str
        """The next attempts, for one worker; None while others run that may be followed by more."""
        with self.errors.deferred():
            if self.campaign.live >= self.limit():
                return None
            jobs = self.campaign.next_jobs(trial_id, self.limit())
            if jobs:
                return {"jobs": [to_dict(job) for job in jobs]}
        if self.errors.first is None and self.campaign.live:
            return None
        finished: str = Searcher.FINISHED  # Tune never asks again: only when no trial is left that could fail
        return finished

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: the scheduler has reported it to the campaign."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the state is in the campaign folder."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: a resumed campaign is a new experiment."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing, as `save`."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher, and this program never reads it back."""
        return {}
