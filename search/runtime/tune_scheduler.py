"""Tune's scheduler: brings every epoch before the campaign and carries out the verdict."""

from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from search.campaign.campaign import Campaign
from search.runtime.deferred_error import FaultKeeper
from search.runtime.ray_internals import controller_of
from search.storage.campaign_store import CampaignStore

__all__ = ["CampaignScheduler"]

LONGEST_REASON = 300


class CampaignScheduler(FIFOScheduler):
    """The first hook that Tune calls for a result, a failure and a trial it gave up: the campaign learns it here."""

    def __init__(self, campaign: Campaign, faults: FaultKeeper, store: CampaignStore) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.campaign = campaign
        self.faults = faults
        self.store = store
        self._lost: set[str] = set()  # ids of the trials whose loss was told

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:  # noqa: ANN401
        """The campaign's verdict."""
        stop = True
        with self.faults.kept():
            stop = self.campaign.report(trial.trial_id, result["row"])
        decision: str = self.STOP if stop or self.faults.first is not None else self.CONTINUE
        return decision

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ANN401
        """The worker is gone: whatever training raises comes as a result."""
        if trial.trial_id in self._lost:
            return
        self._lost.add(trial.trial_id)
        job = trial.config
        with self.faults.kept():
            own = self.store.last_words(job["study"], job["number"], job["attempt"])
            self.campaign.lose(trial.trial_id, own or _last_words(trial))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:  # noqa: ANN401
        """Any that waits. Also finds the trials that Tune gave up without calling any hook.

        A trial whose own worker is starting waits for it: Tune would give it the worker of the next trial that ends and
        end the one that starts, so that trials shorter than a start would never get onto a new node.
        """
        controller = controller_of(tune_controller)
        if controller is None:
            return super().choose_trial_to_run(tune_controller)
        for trial in controller.failed:
            self.on_trial_error(tune_controller, trial)
        return next((trial for trial in controller.pending if not controller.is_starting(trial)), None)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles what it never reads back here."""
        return {}


def _last_words(trial: Trial) -> str:
    """The last line of Tune's error file of a trial."""
    path = trial.error_file
    lines = Path(path).read_text().split("\n") if path is not None else []
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1][:LONGEST_REASON] if spoken else "no error was given"
