"""Files of trials: trial.json is written when a trial begins, checkpoints are removed when it cannot win any more."""

from search.campaign.campaign import Campaign
from search.campaign.events import Event, TrialAsked, TrialEnded
from search.campaign.selection import kept
from search.storage.campaign_store import CampaignStore

__all__ = ["CheckpointCleanup"]


class CheckpointCleanup:
    """A listener to a campaign. Among the ended trials of a study only those that may win keep their checkpoints."""

    def __init__(self, campaign: Campaign, store: CampaignStore) -> None:
        self.campaign = campaign
        self.store = store
        self._kept = {name: self._to_keep(name) for name in campaign.studies}

    def __call__(self, *events: Event) -> None:
        """Handle events that the campaign has just applied."""
        for event in events:
            if isinstance(event, TrialAsked):
                self.store.write_trial(event.study, event.number, self.campaign.spec(event.study, event.number))
            if isinstance(event, TrialEnded):
                self._clean_up(event.study, event.number)

    def _clean_up(self, study: str, ended: int) -> None:
        before, self._kept[study] = self._kept[study], self._to_keep(study)
        for number in (before | {ended}) - self._kept[study]:
            self.store.remove_checkpoints(study, number)
        if ended in self._kept[study]:
            self.store.remove_checkpoints(study, ended, self.campaign.studies[study].trials[ended].checkpoint)

    def _to_keep(self, study: str) -> set[int]:
        return kept(self.campaign.studies[study], self.campaign.plan.search)
