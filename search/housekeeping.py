"""Files of trials: trial.json when one begins, no checkpoints of those that are beaten."""

from search.campaign import Campaign
from search.events import Event, TrialAsked, TrialEnded
from search.store import CampaignStore

__all__ = ["Housekeeper"]


class Housekeeper:
    """Follows a campaign's events. Of the ended trials of a study only the best keeps its checkpoint."""

    def __init__(self, campaign: Campaign, store: CampaignStore) -> None:
        self.campaign = campaign
        self.store = store
        self._kept = {name: _best(campaign, name) for name in campaign.studies}

    def __call__(self, *events: Event) -> None:
        """Take events that have just taken effect."""
        for event in events:
            if isinstance(event, TrialAsked):
                self.store.write_trial(event.study, event.number, self.campaign.spec(event.study, event.number))
            if isinstance(event, TrialEnded):
                self._tidy(event.study, event.number)

    def _tidy(self, study: str, ended: int) -> None:
        before, self._kept[study] = self._kept[study], _best(self.campaign, study)
        for number in {before, ended}:
            if number is not None and number != self._kept[study]:
                self.store.drop_checkpoints(study, number)


def _best(campaign: Campaign, study: str) -> int | None:
    best = campaign.studies[study].best
    return None if best is None else best.number
