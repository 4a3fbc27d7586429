"""Files of trials: trial.json when one begins, no checkpoints of those that are beaten."""

from search.campaign.campaign import Campaign
from search.campaign.events import Event, TrialAsked, TrialEnded
from search.campaign.selection import kept
from search.storage.campaign_store import CampaignStore

__all__ = ["Housekeeper"]


class Housekeeper:
    """Follows a campaign's events. Of the ended trials of a study only those that may win keep their checkpoints."""

    def __init__(self, campaign: Campaign, store: CampaignStore) -> None:
        self.campaign = campaign
        self.store = store
        self._kept = {name: self._wanted(name) for name in campaign.studies}

    def __call__(self, *events: Event) -> None:
        """Take events that have just taken effect."""
        for event in events:
            if isinstance(event, TrialAsked):
                self.store.write_trial(event.study, event.number, self.campaign.spec(event.study, event.number))
            if isinstance(event, TrialEnded):
                self._tidy(event.study, event.number)

    def _tidy(self, study: str, ended: int) -> None:
        before, self._kept[study] = self._kept[study], self._wanted(study)
        for number in (before | {ended}) - self._kept[study]:
            self.store.drop_checkpoints(study, number)
        if ended in self._kept[study]:
            self.store.drop_checkpoints(study, ended, self.campaign.studies[study].trials[ended].checkpoint)

    def _wanted(self, study: str) -> set[int]:
        return kept(self.campaign.studies[study], self.campaign.plan.search)
